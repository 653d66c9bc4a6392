// Max pooling, the library's fast path and its specification in plain loops; average pooling, of windows and global.
#include "lamina/layers/average_pool.h"
#include "lamina/layers/global_average_pool.h"
#include "lamina/layers/max_pool.h"
#include "lamina/layers/max_pool_naive.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/cache.h"

namespace lamina::python {
namespace {

constexpr std::string_view kFastPool = "max_pool_forward_fast", kNaivePool = "max_pool_forward_naive",
                           kAverage = "average_pool_forward", kGlobalAverage = "global_average_pool_forward";

PoolParam pool_param(Index height, Index width, Index stride) {
  return {.pool_height = height, .pool_width = width, .stride = stride};
}

py::tuple fast_pool_forward(py::handle x_, Index height, Index width, Index stride) {
  const py::array x = numbers(kFastPool, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kFastPool, "x", x);
    Tensor<T> out;
    PoolCache<T> state;
    interruptible([&] { max_pool_forward<T>(xs, pool_param(height, width, stride), out, state); });
    return py::make_tuple(result(std::move(out), type),
                          handed_over(make_cache<PoolCache>(kFastPool, std::move(state))));
  });
}

py::array fast_pool_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "max_pool_backward_fast";
  auto& cache = cache_of<PoolCache>(where, kFastPool, cache_);
  const py::array dout = numbers(where, "dout", dout_);
  const Type type = promoted({&dout});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout);
    Tensor<T> dx;
    cache.with_state<T>([&](const PoolCache<T>& state) { max_pool_backward<T>(douts, state, dx); });
    return result(std::move(dx), type);
  });
}

py::tuple naive_pool_forward(py::handle x_, Index height, Index width, Index stride) {
  const py::array x = numbers(kNaivePool, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kNaivePool, "x", x);
    const PoolParam param = pool_param(height, width, stride);
    if (xs.view().rank() != 4) fail(kNaivePool, "expected x of shape (N, C, H, W), got ", xs.view().shape());
    Tensor<T> out;
    PoolCache<T> unused;
    max_pool_forward<T>(xs.view().rows(0, 0), param, out, unused);  // throws where the fast path would
    interruptible([&] { out = naive::max_pool_forward<T>(xs, param); });
    auto cache = std::make_unique<Cache>(kNaivePool);
    cache->keep("x", x);
    cache->settings = param;
    cache->out_shape = lengths(out.shape());
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::array naive_pool_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "max_pool_backward_naive";
  const Cache& cache = find_cache(where, kNaivePool, cache_);
  const py::array dout = numbers(where, "dout", dout_), x = cache.kept(where, "x");
  check_lengths(where, "dout", dout, cache.out_shape, "out");
  return with_type(promoted({&dout, &x}), [&]<class T>() {
    const Input<T> douts(where, "dout", dout), xs(where, "x", x);
    Tensor<T> dx;
    interruptible([&] { dx = naive::max_pool_backward<T>(douts, xs, std::any_cast<PoolParam>(cache.settings)); });
    return result(std::move(dx), promoted({&dout}));
  });
}

py::tuple average_forward(py::handle x_, Index height, Index width, Index stride, Index pad, bool exclude_pad) {
  const py::array x = numbers(kAverage, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kAverage, "x", x);
    Tensor<T> out;
    AveragePoolCache state;
    const AveragePoolParam param{height, width, stride, pad, exclude_pad};
    interruptible([&] { average_pool_forward<T>(xs, param, out, state); });
    auto cache = std::make_unique<Cache>(kAverage);
    cache->settings = state;
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::array average_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "average_pool_backward";
  const Cache& cache = find_cache(where, kAverage, cache_);
  const py::array dout = numbers(where, "dout", dout_);
  const Type type = promoted({&dout});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout);
    Tensor<T> dx;
    interruptible([&] { average_pool_backward<T>(douts, std::any_cast<const AveragePoolCache&>(cache.settings), dx); });
    return result(std::move(dx), type);
  });
}

py::tuple global_average_forward(py::handle x_) {
  const py::array x = numbers(kGlobalAverage, "x", x_);
  const Type type = promoted({&x});
  return with_type(type, [&]<class T>() {
    const Input<T> xs(kGlobalAverage, "x", x);
    Tensor<T> out;
    GlobalAveragePoolCache state;
    interruptible([&] { global_average_pool_forward<T>(xs, Layout::nchw, out, state); });
    auto cache = std::make_unique<Cache>(kGlobalAverage);
    cache->settings = state;
    return py::make_tuple(result(std::move(out), type), handed_over(std::move(cache)));
  });
}

py::array global_average_backward(py::handle dout_, py::handle cache_) {
  constexpr std::string_view where = "global_average_pool_backward";
  const Cache& cache = find_cache(where, kGlobalAverage, cache_);
  const py::array dout = numbers(where, "dout", dout_);
  const Type type = promoted({&dout});
  return with_type(type, [&]<class T>() {
    const Input<T> douts(where, "dout", dout);
    Tensor<T> dx;
    interruptible([&] {
      global_average_pool_backward<T>(douts, std::any_cast<const GlobalAveragePoolCache&>(cache.settings), dx);
    });
    return result(std::move(dx), type);
  });
}

}  // namespace

void bind_pooling(py::module_& m) {
  m.def("max_pool_forward_fast", &fast_pool_forward, py::arg("x"), py::arg("height"), py::arg("width"),
        py::arg("stride"));
  m.def("max_pool_backward_fast", &fast_pool_backward, py::arg("dout"), py::arg("cache"));
  m.def("max_pool_forward_naive", &naive_pool_forward, py::arg("x"), py::arg("height"), py::arg("width"),
        py::arg("stride"));
  m.def("max_pool_backward_naive", &naive_pool_backward, py::arg("dout"), py::arg("cache"));
  m.def("average_pool_forward", &average_forward, py::arg("x"), py::arg("height"), py::arg("width"), py::arg("stride"),
        py::arg("pad"), py::arg("exclude_pad"));
  m.def("average_pool_backward", &average_backward, py::arg("dout"), py::arg("cache"));
  m.def("global_average_pool_forward", &global_average_forward, py::arg("x"));
  m.def("global_average_pool_backward", &global_average_backward, py::arg("dout"), py::arg("cache"));
}

}  // namespace lamina::python
