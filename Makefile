# The commands of this project. CONTRIBUTING.md says when to use which.

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kube-status-to-github

# Beside the sources a target folder slows down every tool that walks them.
export CARGO_TARGET_DIR ?= $(cache)/target

.DEFAULT_GOAL := help
.PHONY: build demo demo-cluster help lint soak test

build: ## Build the release binary
	cargo build --release --locked
	@echo "built $(CARGO_TARGET_DIR)/release/kube-status-to-github"

demo: ## Follow one rollout to an emulated GitHub, needs only Rust
	@hack/demo

demo-cluster: ## The same with a real Kubernetes control plane, needs Go too
	@hack/demo-cluster

test: ## Run all tests; those on a control plane or against kstatus need Go, those of GitHub's schema and of a proxy need Node
	@hack/test

lint: ## Check format, lints, licences, dependencies, scripts and workflows
	@hack/lint

soak: ## Play 100,000 random schedules against the pass, SCHEDULES=N others
	@hack/soak

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
