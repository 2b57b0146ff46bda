# One image for all daemons and the command line: the Debian package on Debian's slim image. Context: the directory of the package.
#   npm run package:deb && docker build -f deploy/docker/daemon.Dockerfile -t doubleblind/daemon:0.1.0 dist
# Where no registry answers, deploy/docker/main-sandbox-image.ts makes debian:bookworm-slim from Debian's own packages.
FROM debian:bookworm-slim

COPY doubleblind_*.deb /tmp/
# The units and users of the package are for hosts with systemd; what an image needs of it are files under /usr and /etc. They are
# copied, for unpacking over / would put a directory in the place of the link /lib, and nothing would start any more.
RUN dpkg-deb --extract /tmp/doubleblind_*.deb /tmp/package \
 && rm -rf /tmp/package/usr/lib/systemd /tmp/package/usr/lib/sysusers.d /tmp/package/usr/lib/tmpfiles.d \
 && cp -a /tmp/package/usr/. /usr/ && cp -a /tmp/package/etc/. /etc/ && rm -rf /tmp/package /tmp/*.deb \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libstdc++6 libgcc-s1 ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && groupadd --gid 10002 doubleblind \
 && useradd --uid 10002 --gid 10002 --no-create-home --home-dir /var/lib/doubleblind --shell /usr/sbin/nologin doubleblind \
 && install -d -o 10002 -g 10002 -m 0700 /var/lib/doubleblind

USER 10002:10002
WORKDIR /usr/lib/doubleblind
ENTRYPOINT ["/usr/lib/doubleblind/bin/node"]
# A daemon: `/usr/lib/doubleblind/ROLE/main.ts --config FILE`, ROLE one of coordinator, gpu-agent,
# gpu-agent/socket-proxy, evaluator-node, llm-gateway.
CMD ["/usr/lib/doubleblind/cli/main.ts", "--help"]
