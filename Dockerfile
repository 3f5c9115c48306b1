# killgate alone, in an image without a shell. docs/install.md tells how it is run, and how to build it from a mirror's base images.
ARG RUST_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# With a C compiler, for SQLite and the cryptography.
FROM ${RUST_IMAGE} AS build
WORKDIR /src
# The same sources give the same binary, wherever cargo keeps its crates.
ENV RUSTFLAGS="--remap-path-prefix=/usr/local/cargo/registry/src=cargo --remap-path-prefix=/src=killgate" \
    CARGO_INCREMENTAL=0

# The dependencies by themselves: this layer stays until Cargo.toml, Cargo.lock or build.rs changes.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock build.rs ./
COPY crates/discord-sim/Cargo.toml crates/discord-sim/
COPY crates/throwaway-postgres/Cargo.toml crates/throwaway-postgres/
# Cargo.toml names them, so cargo wants to see them.
COPY benches benches
RUN mkdir -p src crates/discord-sim/src crates/throwaway-postgres/src \
    && echo 'fn main() {}' >src/main.rs \
    && touch src/lib.rs crates/discord-sim/src/lib.rs crates/throwaway-postgres/src/lib.rs \
    && cargo build --locked --release --package killgate --bin killgate \
    && rm -r src

COPY src src
COPY config config
# Newer than what was built of the empty sources above.
RUN find src config -type f -exec touch {} + \
    && cargo build --locked --release --package killgate --bin killgate

# What the final image has to have there, empty and with its owner.
RUN mkdir -p /empty/var/lib/killgate

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="killgate" \
      org.opencontainers.image.description="Cancels or terminates PostgreSQL sessions from Discord, once a second authorized person approved" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /src/target/release/killgate /usr/local/bin/killgate
COPY --from=build --chown=65532:65532 /empty/var/lib/killgate /var/lib/killgate
# Named by number, so that an orchestrator can tell that it is not root.
USER 65532:65532
ENV KILLGATE_CONFIG=/etc/killgate/killgate.toml
WORKDIR /var/lib/killgate
# The ledger, the only thing that is ever written.
VOLUME /var/lib/killgate
STOPSIGNAL SIGTERM
# Asks over [http] listen, from within the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["/usr/local/bin/killgate", "health"]
ENTRYPOINT ["/usr/local/bin/killgate"]
CMD ["run"]
