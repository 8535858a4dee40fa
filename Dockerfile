# The image of the sidecar and of the init container: `lifesign watch` and `lifesign inject DIR`. The agent is in
# /opt/lifesign/agent too, for pods that mount it from here.
#   docker build -t lifesign:0.1.0 .
#
# Any base image with Python 3.11 or newer, its venv module and glibc will do for both stages.
ARG PYTHON_IMAGE=docker.io/library/python:3.13.9-slim-bookworm

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.lock ./
# pip lives in an environment of its own and is left behind: the image has no installer.
RUN python3 -m venv /pip \
    && python3 -m venv --without-pip /opt/lifesign \
    && /pip/bin/pip --python /opt/lifesign/bin/python3 install --no-cache-dir --no-compile \
       --only-binary=:all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
# unchecked-hash: the compiled modules stay valid whatever the file times, on a read-only file system.
RUN /pip/bin/pip --python /opt/lifesign/bin/python3 install --no-cache-dir --no-compile --no-deps . \
    && /opt/lifesign/bin/python3 -m compileall -q --invalidation-mode unchecked-hash /opt/lifesign/lib \
    && /opt/lifesign/bin/lifesign inject /opt/lifesign/agent

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="lifesign" \
      org.opencontainers.image.description="Proof of life for asyncio services: the sidecar, and the agent to inject" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/lifesign /opt/lifesign
ENV PATH=/opt/lifesign/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Numeric, because runAsNonRoot cannot verify a name. The user owns no files, and nothing is written in the image.
USER 65532:65532
ENTRYPOINT ["lifesign"]
CMD ["watch"]
