"""A gRPC client that knows nothing of this project: Debian's grpcio, and the servers' own reflection in place of generated code.

Reads one JSON object from standard input and writes one to standard output:
  {"address", "ca", "certificate", "key", "reflection": "v1" | "v1alpha", "calls": [{"method", "requests", "take"?}]}
  -> {"services": {service: {method: kind}}, "results": [{"code", "message", "details", "answers"}]}
`method` is `package.Service/Method`; `requests` are messages as JSON, one unless the method takes a stream; of a stream of
answers `take` are read, then the call is cancelled. `details` are the names of the google.rpc messages that came with a refusal.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

# A stream that follows a run lasts as long as the run; the machine may be busy.
DEADLINE_SECONDS = 300


def file_of_reflection(version):
    """The reflection protocol in descriptors: it must be spoken before anything can be asked for."""
    package = f"grpc.reflection.{version}"
    optional, repeated = 1, 3
    text, numeral, blob, nested = 9, 5, 12, 11

    def fields(message, *specs):
        for name, number, kind, label, *type_name in specs:
            message.field.add(name=name, number=number, type=kind, label=label,
                              type_name=f".{package}.{type_name[0]}" if type_name else None)

    file = descriptor_pb2.FileDescriptorProto(name=f"own/{version}.proto", package=package, syntax="proto3")
    fields(file.message_type.add(name="ServerReflectionRequest"),
           ("host", 1, text, optional), ("file_containing_symbol", 4, text, optional), ("list_services", 7, text, optional))
    fields(file.message_type.add(name="ServerReflectionResponse"),
           ("file_descriptor_response", 4, nested, optional, "FileDescriptorResponse"),
           ("list_services_response", 6, nested, optional, "ListServiceResponse"),
           ("error_response", 7, nested, optional, "ErrorResponse"))
    fields(file.message_type.add(name="FileDescriptorResponse"), ("file_descriptor_proto", 1, blob, repeated))
    fields(file.message_type.add(name="ListServiceResponse"), ("service", 1, nested, repeated, "ServiceResponse"))
    fields(file.message_type.add(name="ServiceResponse"), ("name", 1, text, optional))
    fields(file.message_type.add(name="ErrorResponse"), ("error_code", 1, numeral, optional), ("error_message", 2, text, optional))
    return file


def message_class(pool, name):
    descriptor = pool.FindMessageTypeByName(name)
    # Renamed in protobuf 4.
    make = getattr(message_factory, "GetMessageClass", None)
    return make(descriptor) if make else message_factory.MessageFactory(pool).GetPrototype(descriptor)


class Reflected:
    """The services of one server, from what it says of itself."""

    def __init__(self, channel, version):
        own = descriptor_pool.DescriptorPool()
        own.Add(file_of_reflection(version))
        self.request = message_class(own, f"grpc.reflection.{version}.ServerReflectionRequest")
        self.ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_class(own, f"grpc.reflection.{version}.ServerReflectionResponse").FromString)
        self.pool = descriptor_pool.DescriptorPool()
        self.names = [service.name for service in self.one(list_services="*").list_services_response.service]
        files = {}
        for name in self.names:
            for content in self.one(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(content)
                files[file.name] = file
        self.add_in_order(files)

    def one(self, **question):
        answer = next(self.ask(iter([self.request(**question)]), timeout=DEADLINE_SECONDS))
        if answer.HasField("error_response"):
            raise RuntimeError(f"reflection refuses {question}: {answer.error_response.error_message}")
        return answer

    def add_in_order(self, files):
        """A pool takes a file after those that it imports; one that the server did not hand out is an error here."""
        added = set()

        def add(name):
            if name in added:
                return
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            self.pool.Add(files[name])

        for name in files:
            add(name)

    def methods(self):
        for name in self.names:
            for method in self.pool.FindServiceByName(name).methods:
                proto = descriptor_pb2.MethodDescriptorProto()
                method.CopyToProto(proto)
                yield name, method, ("stream" if proto.client_streaming else "unary", "stream" if proto.server_streaming else "unary")


def call(channel, reflected, wanted):
    for service, method, kind in reflected.methods():
        if f"{service}/{method.name}" == wanted["method"]:
            break
    else:
        raise RuntimeError(f"reflection does not know {wanted['method']}")
    request = message_class(reflected.pool, method.input_type.full_name)
    answer = message_class(reflected.pool, method.output_type.full_name)
    start = getattr(channel, "_".join(kind))(
        f"/{service}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(), response_deserializer=answer.FromString)
    requests = [json_format.ParseDict(one, request(), descriptor_pool=reflected.pool) for one in wanted["requests"]]
    answers = []
    try:
        started = start(iter(requests) if kind[0] == "stream" else requests[0], timeout=DEADLINE_SECONDS)
        for one in started if kind[1] == "stream" else [started]:
            answers.append(json_format.MessageToDict(one, descriptor_pool=reflected.pool))
            if len(answers) == wanted.get("take"):
                started.cancel()
                break
        return {"code": "OK", "message": "", "details": [], "answers": answers}
    except grpc.RpcError as error:
        return {"code": error.code().name, "message": error.details(), "details": details_of(error), "answers": answers}


def details_of(error):
    """google.rpc.Status is {1: code, 2: message, 3: repeated Any}, and Any {1: type_url, 2: value}."""
    file = descriptor_pb2.FileDescriptorProto(name="own/status.proto", package="own", syntax="proto3")
    kind = file.message_type.add(name="Any")
    kind.field.add(name="type_url", number=1, type=9, label=1)
    status = file.message_type.add(name="Status")
    status.field.add(name="details", number=3, type=11, label=3, type_name=".own.Any")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return [one.type_url.rsplit("/", 1)[-1] for one in message_class(pool, "own.Status").FromString(value).details]
    return []


def main():
    wanted = json.load(sys.stdin)
    read = lambda path: open(path, "rb").read()
    credentials = grpc.ssl_channel_credentials(read(wanted["ca"]), read(wanted["key"]), read(wanted["certificate"]))
    with grpc.secure_channel(wanted["address"], credentials) as channel:
        reflected = Reflected(channel, wanted["reflection"])
        services = {name: {} for name in reflected.names}
        for service, method, kind in reflected.methods():
            services[service][method.name] = "-".join(kind)
        results = [call(channel, reflected, one) for one in wanted["calls"]]
    json.dump({"services": services, "results": results}, sys.stdout)


main()
