// Stores: keys and values that all processes share.
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <dlfcn.h>

#include <chrono>

#include "group.h"

// Levels of glog, with which Debian builds libtorch 1.13, and of c10's own logging.
shim::Quiet::Quiet() {
  if (std::getenv("GLOG_minloglevel") || std::getenv("TORCH_CPP_LOG_LEVEL")) return;
  for (const char* name : {"_ZN3fLI17FLAGS_minloglevelE", "FLAGS_caffe2_log_level"})
    if (auto* level = static_cast<int*>(dlsym(RTLD_DEFAULT, name))) {
      before_.emplace_back(level, *level);
      *level = 3;
    }
}

shim::Quiet::~Quiet() {
  for (const auto& [level, value] : before_) *level = value;
}

namespace {

cl_store own(shim::StorePointer s) { return new shim::StorePointer(std::move(s)); }

// libtorch since 2.4 serves by libuv unless told otherwise. Debian's has none.
template <typename Options> void plain_server(Options& o) {
  if constexpr (requires { o.useLibUV; }) o.useLibUV = false;
}

} // namespace

extern "C" char* cl_store_tcp(const char* host, int port, int serves, int world, int64_t milliseconds, cl_store* store,
                              int* bound) {
  char* err = nullptr;
  CL_TRY(err, {
    const shim::Quiet quiet;
    c10d::TCPStoreOptions o;
    o.port = static_cast<std::uint16_t>(port);
    o.isServer = serves != 0;
    o.numWorkers = world;
    o.waitWorkers = false; // libtorch 1.13 does not say who is missing
    o.timeout = std::chrono::milliseconds(milliseconds);
    plain_server(o);
    auto s = c10::make_intrusive<c10d::TCPStore>(std::string(host), o);
    *bound = s->getPort();
    *store = own(std::move(s));
  });
  return err;
}

extern "C" char* cl_store_file(const char* path, int world, int64_t milliseconds, cl_store* store) {
  char* err = nullptr;
  CL_TRY(err, {
    auto s = c10::make_intrusive<c10d::FileStore>(std::string(path), world);
    s->setTimeout(std::chrono::milliseconds(milliseconds));
    *store = own(std::move(s));
  });
  return err;
}

extern "C" char* cl_store_prefix(cl_store of, const char* prefix, cl_store* store) {
  char* err = nullptr;
  CL_TRY(err, {
    auto s = c10::make_intrusive<c10d::PrefixStore>(std::string(prefix), shim::store(of));
    *store = own(std::move(s));
  });
  return err;
}

extern "C" void cl_store_free(cl_store store) { delete static_cast<shim::StorePointer*>(store); }

extern "C" char* cl_store_set(cl_store store, const char* key, const void* value, int64_t size) {
  char* err = nullptr;
  CL_TRY(err, {
    const auto* bytes = static_cast<const uint8_t*>(value);
    shim::store(store)->set(std::string(key), std::vector<uint8_t>(bytes, bytes + size));
  });
  return err;
}

extern "C" char* cl_store_get(cl_store store, const char* key, void** value, int64_t* size) {
  char* err = nullptr;
  CL_TRY(err, {
    const std::vector<uint8_t> got = shim::store(store)->get(std::string(key));
    *size = static_cast<int64_t>(got.size());
    *value = std::malloc(got.size() + 1);
    TORCH_CHECK(*value, "no memory for the value of ", key, ", ", got.size(), " bytes");
    std::memcpy(*value, got.data(), got.size());
  });
  return err;
}

extern "C" char* cl_store_add(cl_store store, const char* key, int64_t n, int64_t* sum) {
  char* err = nullptr;
  CL_TRY(err, *sum = shim::store(store)->add(std::string(key), n));
  return err;
}

extern "C" char* cl_store_check(cl_store store, int count, const char* const* keys, int* all) {
  char* err = nullptr;
  CL_TRY(err, *all = shim::store(store)->check(std::vector<std::string>(keys, keys + count)));
  return err;
}

extern "C" char* cl_store_delete(cl_store store, const char* key, int* was) {
  char* err = nullptr;
  CL_TRY(err, *was = shim::store(store)->deleteKey(std::string(key)));
  return err;
}
