# The images that it is built in and runs on. A tag can be moved to another image; to be sure of one,
# name it by its digest: --build-arg RUNTIME_IMAGE=gcr.io/distroless/cc-debian13@sha256:...
ARG BUILD_IMAGE=rust:1.95-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# --- The program, built ------------------------------------------------------------------------
# It has the C compiler that the TLS library (ring) and the allocator (mimalloc) need.
FROM ${BUILD_IMAGE} AS build

WORKDIR /build

# It writes the list of dependencies into the program, where scanners of images look for it.
RUN cargo install --locked cargo-auditable@0.7.7

# The dependencies in a layer of their own: it is built anew only when Cargo.toml or Cargo.lock
# change. An empty program and an empty library stand in for ours.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo auditable build --release --locked \
    && rm -rf src

COPY config config
COPY src src
# The copies may be older than the stand-ins' build: cargo goes by the time of the last change.
RUN touch src/main.rs src/lib.rs \
    && cargo auditable build --release --locked --bin tributary

# --- The image that runs -----------------------------------------------------------------------
# glibc, CA certificates and no shell. Its user `nonroot` is 65532.
FROM ${RUNTIME_IMAGE}

# What the image says of itself (opencontainers/image-spec, annotations). Whoever builds it knows the
# rest: --build-arg REVISION=$(git rev-parse HEAD) --build-arg CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)
ARG RUNTIME_IMAGE
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Tributary" \
      org.opencontainers.image.description="One request in, several upstream APIs asked in parallel, one aggregate out before the deadline." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_IMAGE}"

COPY --from=build /build/target/release/tributary /tributary
COPY config/default.toml /etc/tributary/tributary.toml

ENV TRIBUTARY_CONFIG=/etc/tributary/tributary.toml
USER 65532:65532
EXPOSE 8080 9090
# The image has no shell: the program asks itself, at the address of its environment or file.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/tributary", "health"]
ENTRYPOINT ["/tributary"]
CMD ["serve"]
