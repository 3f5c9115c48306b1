# killgate in an image without a shell. docs/install.md describes how to run it, and how to use other base images.
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# Includes a C compiler, for SQLite, the cryptography and jemalloc, which also needs make.
FROM ${RUST_IMAGE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Makes the binary independent of the path of cargo's crates.
ENV RUSTFLAGS="--remap-path-prefix=/usr/local/cargo/registry/src=cargo --remap-path-prefix=/src=killgate" \
    CARGO_INCREMENTAL=0

# Only the dependencies. This layer is cached until Cargo.toml, Cargo.lock or build.rs changes.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock build.rs ./
COPY crates/discord-sim/Cargo.toml crates/discord-sim/
COPY crates/throwaway-postgres/Cargo.toml crates/throwaway-postgres/
# Cargo needs these files because Cargo.toml names them.
COPY benches benches
RUN mkdir -p src crates/discord-sim/src crates/throwaway-postgres/src \
    && echo 'fn main() {}' >src/main.rs \
    && touch src/lib.rs crates/discord-sim/src/lib.rs crates/throwaway-postgres/src/lib.rs \
    && cargo build --locked --release --package killgate --bin killgate \
    && rm -r src

COPY src src
COPY config config
# Updates the timestamps, so that cargo rebuilds after the empty sources above.
RUN find src config -type f -exec touch {} + \
    && cargo build --locked --release --package killgate --bin killgate

# An empty folder for the final image, with the right owner.
RUN mkdir -p /empty/var/lib/killgate

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="killgate" \
      org.opencontainers.image.description="Cancels or terminates PostgreSQL sessions from Discord, after a second authorized person approved" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /src/target/release/killgate /usr/local/bin/killgate
COPY --from=build --chown=65532:65532 /empty/var/lib/killgate /var/lib/killgate
# A number, so that an orchestrator can check that it is not root.
USER 65532:65532
ENV KILLGATE_CONFIG=/etc/killgate/killgate.toml
WORKDIR /var/lib/killgate
# The ledger, the only thing that killgate writes.
VOLUME /var/lib/killgate
STOPSIGNAL SIGTERM
# Requests /healthz at [http] listen, inside the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["/usr/local/bin/killgate", "health"]
ENTRYPOINT ["/usr/local/bin/killgate"]
CMD ["run"]
