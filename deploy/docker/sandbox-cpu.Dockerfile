# The image that candidates run in on CPU slots: Debian's Python with NumPy, pandas and scikit-learn, and our toolbox.
# Built by sandbox-image.ts with the repository's root as context; the tag is a hash of this file and the toolbox.
FROM debian:bookworm-slim

# scikit-learn's own data sets go as well: a task made of one of them would have its hidden labels in the sandbox.
# Leaving these out takes the image from 1.08 GB to about 0.7 GB. Not excluded: the `tests` folders of NumPy and the
# `x86_64-linux-gnu-*` binaries, without which post-install scripts fail.
RUN printf '%s\n' \
      'path-exclude=/usr/share/doc/*' \
      'path-exclude=/usr/share/man/*' \
      'path-exclude=/usr/share/info/*' \
      'path-exclude=/usr/share/locale/*' \
      'path-exclude=/usr/include/*' \
      'path-exclude=/usr/lib/*/*.a' \
      'path-exclude=/usr/lib/gcc/*' \
      'force-unsafe-io' > /etc/dpkg/dpkg.cfg.d/doubleblind \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      python3 python3-pip python3-numpy python3-pandas python3-sklearn libopenblas0-pthread procps \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && rm -rf /usr/lib/python3/dist-packages/sklearn/datasets/data/*.csv* \
 && rm -rf /usr/lib/python3/dist-packages/sklearn/datasets/tests/data \
 && ln -s python3 /usr/bin/python

# However pip is called, it is packages.py that answers: it knows the way to the host's index, where there is one.
RUN printf '%s\n' 'import sys' 'sys.path.insert(0, "/opt/doubleblind")' 'import packages' \
      'sys.exit(packages.main(sys.argv[1:]))' > /usr/lib/python3/dist-packages/pip/__main__.py \
 && printf '%s\n' '#!/bin/sh' 'exec python3 -m pip "$@"' > /usr/bin/pip3 \
 && cp /usr/bin/pip3 /usr/bin/pip

# No candidate may gain another identity: the images carry no setuid or setgid program, and the sandbox sets
# no-new-privileges besides. The mount points have their owner here because Docker 20.10 takes it from the image.
RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
 && groupadd --gid 10001 agent \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /work --shell /bin/bash agent \
 && mkdir -p /data /work /out \
 && chown 10001:10001 /work /out

COPY gpu-agent/tools/session/*.py /opt/doubleblind/
RUN chmod 0555 /opt/doubleblind && chmod 0444 /opt/doubleblind/*.py

WORKDIR /work
USER 10001:10001
