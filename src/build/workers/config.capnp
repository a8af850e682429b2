# The function '@NAME@' as a Worker of workerd: `workerd serve config.capnp`, at another place with
# --socket-addr http=ADDRESS:PORT. Made by `slsc package --workers`.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "@NAME@", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "@NAME@")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "@NAME@.wasm", wasm = embed "@NAME@.wasm"),
  ],
  compatibilityDate = "2025-01-01",
  bindings = [
@BINDINGS@
  ],
);
