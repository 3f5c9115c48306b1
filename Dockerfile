# killgate alone, in an image without a shell.

# With a C compiler, for SQLite.
FROM docker.io/library/rust:1.95-slim-bookworm AS build
WORKDIR /src

# The dependencies by themselves: this layer stays until Cargo.toml or Cargo.lock changes.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
COPY discord-sim/Cargo.toml discord-sim/
COPY throwaway-postgres/Cargo.toml throwaway-postgres/
RUN mkdir -p src discord-sim/src throwaway-postgres/src \
    && echo 'fn main() {}' | tee src/main.rs discord-sim/src/main.rs throwaway-postgres/src/main.rs >/dev/null \
    && touch src/lib.rs discord-sim/src/lib.rs throwaway-postgres/src/lib.rs \
    && cargo build --locked --release --bin killgate \
    && rm -r src

COPY src src
COPY config config
# Newer than what was built of the empty sources above.
RUN find src config -type f -exec touch {} + \
    && cargo build --locked --release --bin killgate

# What the final image has to have there, empty and with its owner.
RUN mkdir -p /empty/var/lib/killgate

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/killgate /usr/local/bin/killgate
COPY --from=build --chown=65532:65532 /empty/var/lib/killgate /var/lib/killgate
# Named by number, so that an orchestrator can tell that it is not root.
USER 65532:65532
ENV KILLGATE_CONFIG=/etc/killgate/killgate.toml
WORKDIR /var/lib/killgate
# The ledger, the only thing that is ever written.
VOLUME /var/lib/killgate
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/killgate"]
CMD ["run"]
