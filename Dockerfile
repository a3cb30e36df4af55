# syntax=docker/dockerfile:1

# One image with nothing but a static binary and the certificate authorities, for linux/amd64 and linux/arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 .
# The binary by itself:
#   docker buildx build --target binary --output dist .

# The list of contents (SBOM) is made from Cargo.lock: a binary does not tell what it was linked from.
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true

# Alpine's Rust links statically against musl. Each platform builds its own: the cryptography is in C and assembler.
# By tag, so that a rebuild gets the fixes of the release line; the provenance of a published image names the digest.
FROM rust:1.95-alpine AS build
ARG TARGETARCH
RUN apk add --no-cache ca-certificates-bundle musl-dev
WORKDIR /source
COPY . .
RUN --mount=type=cache,id=cargo-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=target-${TARGETARCH},target=/target,sharing=locked \
    CARGO_TARGET_DIR=/target cargo build --release --locked --package kube-status-to-github \
 && install -D /target/release/kube-status-to-github /out/kube-status-to-github

FROM scratch AS binary
COPY --from=build /out/kube-status-to-github /

FROM scratch
LABEL org.opencontainers.image.title="kube-status-to-github" \
      org.opencontainers.image.description="Brings the rollout status of Kubernetes objects to GitHub Deployments" \
      org.opencontainers.image.source="https://github.com/kube-status-to-github/kube-status-to-github" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/kube-status-to-github /usr/bin/kube-status-to-github
# A number: Kubernetes can't tell from a name that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/kube-status-to-github"]
