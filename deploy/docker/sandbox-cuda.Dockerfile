# The image that candidates run in on GPU slots: PyTorch with its own CUDA libraries, and our toolbox.
# UNTESTED by the project's own checks, which have no GPU. The host needs the NVIDIA driver and nvidia-container-toolkit;
# the driver's libraries are mounted into the sandbox by it.
# Build: node deploy/docker/main-sandbox-image.ts --kind cuda (needs a Python package index; about 8 GB).
FROM debian:bookworm-slim

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-pip procps libgomp1 \
 && python3 -m pip install --break-system-packages --no-cache-dir \
      numpy pandas scikit-learn torch torchvision xgboost lightgbm \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && ln -s python3 /usr/bin/python

# However pip is called, it is packages.py that answers: it knows the way to the host's index, where there is one.
RUN printf '%s\n' 'import sys' 'sys.path.insert(0, "/opt/doubleblind")' 'import packages' \
      'sys.exit(packages.main(sys.argv[1:]))' > /usr/lib/python3/dist-packages/pip/__main__.py \
 && printf '%s\n' '#!/bin/sh' 'exec python3 -m pip "$@"' > /usr/bin/pip3 \
 && cp /usr/bin/pip3 /usr/bin/pip

ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility

RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
 && groupadd --gid 10001 agent \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /work --shell /bin/bash agent \
 && mkdir -p /data /work /out \
 && chown 10001:10001 /work /out

COPY gpu-agent/tools/session/*.py /opt/doubleblind/
RUN chmod 0555 /opt/doubleblind && chmod 0444 /opt/doubleblind/*.py

WORKDIR /work
USER 10001:10001
