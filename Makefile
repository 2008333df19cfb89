# What one does with this house. `make` alone lists it all; every target works on a fresh clone.

PYTHON := .venv/bin/python
INSTALLED := .venv/.installed
UP ?=
TESTS ?= tests
WORKERS ?= 2
COVERAGE ?= --cov --cov-report=term

.DEFAULT_GOAL := help
.PHONY: help setup up test lint format types floors kafka lock reference wheel images chart servers-test cluster-test node-test \
	k3d k3d-password k3d-down clean

BUILDER ?= docker
IMAGES := core dashboard mlflow
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
CLUSTER := millrace
VALUES ?=
ON_SERVERS := tests/adapters/checkpoints tests/adapters/registry/test_registry.py tests/chart/test_buckets.py \
	tests/cli/test_given.py tests/e2e/test_on_servers_of_ones_own.py

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## Make .venv from requirements.lock (any of Python 3.11 to 3.13)

$(INSTALLED): requirements.lock pyproject.toml .ci/venv
	@.ci/venv

up: $(INSTALLED)  ## Run the whole platform here until Ctrl-C; UP="--kafka=local" passes options on
	@.venv/bin/millrace up $(UP)

test: lint types  ## Everything CI checks: lint, types, floors, tests with coverage; TESTS=tests/x for a part, WORKERS=0 one by one
	@$(PYTHON) -m pytest -q -n $(WORKERS) --dist loadfile --durations 25 $(COVERAGE) $(TESTS)

lint: $(INSTALLED)  ## Check style and floors
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(MAKE) --no-print-directory floors

floors: $(INSTALLED)  ## Check that no floor imports an upper one, and no service another
	@PYTHONPATH=. .venv/bin/lint-imports --no-logo 2>/dev/null || PYTHONPATH=. .venv/bin/lint-imports

format: $(INSTALLED)  ## Bring the code into form
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

types: $(INSTALLED)  ## Check types (mypy --strict)
	@.venv/bin/mypy

kafka: $(INSTALLED)  ## Fetch Apache Kafka (mvn, Java 17 or newer) and run one broker on loopback, data kept
	@$(PYTHON) -m millrace.runtime.embedded.kafka --foreground

lock:  ## Renew requirements.lock from pyproject.toml; LOCK=--upgrade takes the newest of all
	@.ci/lock $(LOCK)

reference: $(INSTALLED)  ## Write docs/reference from the docstrings, the help texts and the use cases
	@$(PYTHON) -m tests.docs.reference

wheel: $(INSTALLED)  ## Build the wheel into dist/
	@$(PYTHON) -m hatchling build -t wheel

images:  ## Build the images core, dashboard and mlflow; BUILDER=buildah or podman, BUILD="--build-arg …" passes options on
	@for image in $(IMAGES); do $(BUILDER) build --target $$image --tag millrace/$$image:$(VERSION) $(BUILD) . || exit 1; done

chart: $(INSTALLED)  ## Check the chart: lint, schemas, what it refuses, what it lets through
	@.ci/tools
	@$(PYTHON) -m pytest -q tests/chart -m "not stack"

cluster-test: $(INSTALLED)  ## The chart on a real Kubernetes API server without nodes; builds it the first time, some ten minutes
	@.ci/tools
	@.ci/cluster-tools
	@$(PYTHON) -m pytest -q tests/cluster

servers-test: $(INSTALLED)  ## Test on the servers that the chart has: MinIO (built the first time), PostgreSQL, MLflow, Valkey, Kafka
	@.ci/tools
	@.ci/servers
	@$(PYTHON) -m pytest -q $(ON_SERVERS)

node-test: $(INSTALLED)  ## The chart on a real node, every pod running, with images made here; Debian, as root, an hour the first time
	@.ci/tools
	@.ci/node-tools
	@.ci/node-images
	@unshare --net --mount --pid --fork --kill-child --mount-proc $(PYTHON) -m pytest -q tests/node

k3d:  ## A cluster on this machine with all of it: needs docker, k3d, kubectl, helm; VALUES="-f my-values.yaml" adds yours
	k3d cluster list $(CLUSTER) >/dev/null 2>&1 || k3d cluster create --config k3d-config.yaml
	$(MAKE) --no-print-directory images BUILDER=docker
	k3d image import --cluster $(CLUSTER) $(IMAGES:%=millrace/%:$(VERSION))
	kubectl apply --filename k8s/namespaces.yaml
	helm upgrade --install millrace charts/millrace --namespace millrace --values charts/millrace/values-demo.yaml $(VALUES) \
		--wait --wait-for-jobs --timeout 15m
	helm test millrace --namespace millrace --logs
	@echo "the pages  http://millrace.localhost:8080"
	@echo "the API    http://millrace.localhost:8080/v1/use-cases"
	@echo "Grafana    http://grafana.localhost:8080 (user admin; make k3d-password prints the password)"

k3d-password:  ## Print the password of Grafana's admin in that cluster
	@kubectl --namespace millrace get secret millrace-grafana --output jsonpath='{.data.password}' | base64 -d; echo

k3d-down:  ## Remove that cluster and all that is in it
	k3d cluster delete $(CLUSTER)

clean:  ## Remove what can be made again; the state under .millrace stays
	@rm -rf .venv .uv dist build htmlcov .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
