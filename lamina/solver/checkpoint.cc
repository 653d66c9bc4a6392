#include "lamina/solver/checkpoint.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/io/crc32.h"
#include "lamina/io/stored_tensor.h"
#include "lamina/kernels/machine/target.h"

namespace lamina {
namespace {

static_assert(std::endian::native == std::endian::little, "values are written as they lie in memory");

constexpr std::string_view kMagic = "LAMINACK";
constexpr std::uint32_t kVersion = 3;  // the version that is written; the earlier ones can still be read
constexpr std::size_t kPreamble = 24;  // magic, version, length of the header, length of the body
constexpr std::uint32_t kLargestHeader = 1u << 26;

template <class T>
std::string_view dtype_of() {
  return sizeof(T) == 4 ? "float32" : "float64";
}

class Writer {
 public:
  template <class V>
  void value(V v) {
    static_assert(std::is_arithmetic_v<V>);
    raw(&v, sizeof v);
  }
  template <class V>
  void values(std::span<const V> v) {
    raw(v.data(), v.size_bytes());
  }
  void text(std::string_view s) {
    value(static_cast<std::uint32_t>(s.size()));
    raw(s.data(), s.size());
  }
  template <class T>
  void tensor(const TensorView<T>& x) {
    value(static_cast<std::uint32_t>(x.rank()));
    for (const Index length : x.shape()) value(length);
    values(x.flat());
  }
  void list(const std::vector<double>& v) {
    value(static_cast<std::uint64_t>(v.size()));
    values(std::span<const double>(v));
  }
  template <class T>
  void parameters(const Parameters<T>& params) {
    value(static_cast<std::uint32_t>(params.size()));
    for (const auto& [name, x] : params) {
      text(name);
      tensor(x);
    }
  }
  template <class T>
  void tensors(const std::vector<Tensor<T>>& list) {
    value(static_cast<std::uint32_t>(list.size()));
    for (const Tensor<T>& x : list) tensor(x);
  }
  const std::string& bytes() const { return bytes_; }
  void reserve(std::size_t n) { bytes_.reserve(n); }

 private:
  void raw(const void* data, std::size_t n) {
    if (n > 0) bytes_.append(static_cast<const char*>(data), n);
  }
  std::string bytes_;
};

// Reads what Writer wrote. Every length is checked against the bytes that are left before memory is allocated for it.
class Reader {
 public:
  Reader(const std::filesystem::path& path, std::string_view bytes) : path_(path), left_(bytes) {}

  template <class V>
  V value() {
    V v;
    std::memcpy(&v, take(sizeof v), sizeof v);
    return v;
  }
  std::string text() {
    const auto n = value<std::uint32_t>();
    return std::string(take(n), n);
  }
  template <class T>
  Tensor<T> tensor() {
    const Shape shape = this->shape();
    const std::size_t n = bytes_of<T>(shape);
    const char* from = take(n);
    Tensor<T> x;
    x.resize(shape);
    if (n > 0) std::memcpy(x.data(), from, n);
    return x;
  }
  std::vector<double> list() {
    const auto n = value<std::uint64_t>();
    if (n > left_.size() / sizeof(double)) cut_off();
    std::vector<double> v(static_cast<std::size_t>(n));
    const char* from = take(v.size() * sizeof(double));
    if (n > 0) std::memcpy(v.data(), from, v.size() * sizeof(double));
    return v;
  }
  template <class T>
  Parameters<T> parameters() {
    typename Parameters<T>::Layout layout;
    std::vector<const char*> from;
    const auto count = value<std::uint32_t>();
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string name = text();
      const Shape shape = this->shape();
      from.push_back(take(bytes_of<T>(shape)));
      layout.emplace_back(std::move(name), shape);
    }
    Parameters<T> params(layout);
    auto at = from.begin();
    for (auto& entry : params) {
      const std::size_t n = entry.value.flat().size_bytes();
      if (n > 0) std::memcpy(entry.value.data(), *at, n);
      ++at;
    }
    return params;
  }
  template <class T>
  std::vector<Tensor<T>> tensors() {
    std::vector<Tensor<T>> list;
    const auto count = value<std::uint32_t>();
    for (std::uint32_t i = 0; i < count; ++i) list.push_back(tensor<T>());
    return list;
  }
  bool at_end() const { return left_.empty(); }
  void end() const {
    if (!left_.empty())
      fail_file("load_checkpoint", path_, "expected the end of the values, got ", left_.size(), " bytes more");
  }

 private:
  Shape shape() {
    std::array<Index, Shape::kMaxRank> lengths{};
    const auto rank = value<std::uint32_t>();
    if (rank > lengths.size())
      fail_file("load_checkpoint", path_, "expected a tensor of at most ", lengths.size(), " axes, got ", rank);
    for (std::uint32_t axis = 0; axis < rank; ++axis) lengths[axis] = value<Index>();
    return Shape(std::span<const Index>(lengths.data(), rank));
  }
  template <class T>
  std::size_t bytes_of(const Shape& shape) const {
    const auto n = static_cast<std::size_t>(shape.size());
    if (n > left_.size() / sizeof(T)) cut_off();
    return n * sizeof(T);
  }
  const char* take(std::size_t n) {
    if (n > left_.size()) cut_off();
    const char* at = left_.data();
    left_.remove_prefix(n);
    return at;
  }
  [[noreturn]] void cut_off() const {
    fail_file("load_checkpoint", path_, "expected more values, got the end of the file");
  }

  const std::filesystem::path& path_;
  std::string_view left_;
};

void write_random(Writer& out, const RandomState::State& random) {
  out.values(std::span<const std::uint32_t>(random.key));
  out.value(static_cast<std::int32_t>(random.position));
  out.value(static_cast<std::uint32_t>(random.has_gauss));
  out.value(random.gauss);
}

void read_random(Reader& in, RandomState::State& random) {
  for (std::uint32_t& word : random.key) word = in.value<std::uint32_t>();
  random.position = in.value<std::int32_t>();
  if (random.position < 0 || random.position > 624)
    fail("load_checkpoint", "expected a stream's position of 0 to 624, got ", random.position);
  random.has_gauss = in.value<std::uint32_t>() != 0;
  random.gauss = in.value<double>();
}

template <class T>
void write_optim(Writer& out, const OptimState<T>& optim) {
  out.value(static_cast<std::uint32_t>(optim.tensors.size()));
  for (const auto& [name, tensor] : optim.tensors) {
    out.text(name);
    out.tensor(tensor);
  }
  out.value(optim.t);
}

template <class T>
OptimState<T> read_optim(Reader& in) {
  OptimState<T> optim;
  const auto count = in.value<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string name = in.text();
    Tensor<T> tensor = in.tensor<T>();
    if (!optim.tensors.emplace(name, std::move(tensor)).second)
      fail("load_checkpoint", "expected each tensor of an update rule once, got ", quoted_name(name), " twice");
  }
  optim.t = in.value<Index>();
  return optim;
}

// Version 1 has two unnamed tensors: sgd_momentum's velocity or adam's m, and rmsprop's cache or adam's v.
template <class T>
OptimState<T> read_optim_1(Reader& in) {
  OptimState<T> optim;
  Tensor<T> first = in.tensor<T>(), second = in.tensor<T>();
  const bool both = first.rank() > 0 && second.rank() > 0;
  if (first.rank() > 0) optim.tensors.emplace(both ? "m" : "velocity", std::move(first));
  if (second.rank() > 0) optim.tensors.emplace(both ? "v" : "cache", std::move(second));
  optim.t = in.value<Index>();
  return optim;
}

template <class T>
std::string state_bytes(const SolverState<T>& state) {
  Writer out;
  out.reserve(8192 + 6 * static_cast<std::size_t>(state.params.count()) * sizeof(T));
  out.value(state.learning_rate);
  out.value(state.seconds);
  out.value(state.images);
  out.list(state.history.loss_history);
  out.list(state.history.train_acc_history);
  out.list(state.history.val_acc_history);
  out.value(state.history.best_val_acc);
  out.parameters(state.params);
  out.parameters(state.best_params);
  out.tensors(state.buffers);
  out.tensors(state.best_buffers);
  out.value(static_cast<std::uint32_t>(state.optim.size()));
  for (const OptimState<T>& optim : state.optim) write_optim(out, optim);
  write_random(out, state.random);
  write_random(out, state.order_random);
  out.value(state.order_size);
  out.value(state.order_position);
  out.parameters(state.average_params);
  out.tensors(state.average_buffers);
  out.value(state.averaged);
  out.parameters(state.last_params);
  out.tensors(state.last_buffers);
  return out.bytes();
}

template <class T>
SolverState<T> read_state(Reader& in, const CheckpointInfo& info, std::uint32_t version) {
  SolverState<T> state;
  state.epoch = info.epoch;
  state.iteration = info.iteration;
  state.num_iterations = info.num_iterations;
  state.learning_rate = in.value<double>();
  state.seconds = in.value<double>();
  state.images = in.value<Index>();
  state.history.loss_history = in.list();
  state.history.train_acc_history = in.list();
  state.history.val_acc_history = in.list();
  state.history.best_val_acc = in.value<double>();
  state.params = in.parameters<T>();
  state.best_params = in.parameters<T>();
  state.buffers = in.tensors<T>();
  state.best_buffers = in.tensors<T>();
  const auto count = in.value<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i)
    state.optim.push_back(version == 1 ? read_optim_1<T>(in) : read_optim<T>(in));
  read_random(in, state.random);
  if (version == 1 && in.at_end()) return state;  // a run that neither shuffled nor averaged
  read_random(in, state.order_random);
  state.order_size = in.value<Index>();
  state.order_position = in.value<Index>();
  state.average_params = in.parameters<T>();
  state.average_buffers = in.tensors<T>();
  state.averaged = in.value<Index>();
  if (version >= 3) {
    state.last_params = in.parameters<T>();
    state.last_buffers = in.tensors<T>();
  }
  in.end();
  return state;
}

// A file whose lengths and header checksum are right. The checksum of the body is not checked yet.
struct File {
  std::string bytes;
  CheckpointInfo info;
  std::uint32_t version = 0;
  std::size_t body_at = 0, body_length = 0;
  std::string_view body() const { return std::string_view(bytes).substr(body_at, body_length); }
};

File open(const std::filesystem::path& path) {
  const auto wrong = [&](const auto&... parts) { fail_file("load_checkpoint", path, parts...); };
  File file;
  file.bytes = read_file(path);
  const std::string_view bytes = file.bytes;
  if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, bytes.size()) || bytes.empty())
    wrong("expected a checkpoint, which starts with ", kMagic, ", got ",
          bytes.empty() ? "an empty file" : "another kind of file");
  if (bytes.size() < kPreamble) wrong("expected a header, got the end of the file after ", bytes.size(), " bytes");
  Reader preamble(path, bytes.substr(kMagic.size()));
  file.version = preamble.value<std::uint32_t>();
  const auto header_length = preamble.value<std::uint32_t>();
  const auto body_length = preamble.value<std::uint64_t>();
  if (file.version < 1 || file.version > kVersion)
    wrong("expected a version of 1 to ", kVersion, " of the format, got ", file.version);
  constexpr std::size_t kChecksum = sizeof(std::uint32_t);
  const std::size_t rest = bytes.size() - kPreamble;
  if (header_length > kLargestHeader || rest < header_length || rest - header_length < 2 * kChecksum ||
      rest - header_length - 2 * kChecksum != body_length)
    wrong("expected ", kPreamble + 2 * kChecksum, " + ", header_length, " + ", body_length,
          " bytes, as its start says, got ", bytes.size(), ": the file is cut off or damaged");

  const std::size_t header_end = kPreamble + header_length;
  Reader header_sum(path, bytes.substr(header_end));
  if (header_sum.value<std::uint32_t>() != crc32(bytes.substr(0, header_end)))
    wrong("expected a header that matches its checksum, got another: the file is damaged");
  Reader header(path, bytes.substr(kPreamble, header_length));
  file.info.dtype = header.text();
  file.info.instruction_set = header.text();
  file.info.epoch = header.value<Index>();
  file.info.iteration = header.value<Index>();
  file.info.num_iterations = header.value<Index>();
  file.info.config = header.text();
  header.end();
  file.body_at = header_end + kChecksum;
  file.body_length = static_cast<std::size_t>(body_length);
  return file;
}

}  // namespace

bool CheckpointInfo::same_instruction_set() const { return instruction_set == kernels::target_name(); }

template <class T>
void save_checkpoint(const std::filesystem::path& path, const SolverState<T>& state, std::string_view config) {
  if (config.size() > kLargestHeader / 2)
    fail("save_checkpoint", "expected a configuration of at most ", kLargestHeader / 2, " bytes, got ", config.size());
  Writer header;
  header.text(dtype_of<T>());
  header.text(kernels::target_name());
  header.value(state.epoch);
  header.value(state.iteration);
  header.value(state.num_iterations);
  header.text(config);
  const std::string body = state_bytes(state);

  std::string start(kMagic);
  Writer lengths;
  lengths.value(kVersion);
  lengths.value(static_cast<std::uint32_t>(header.bytes().size()));
  lengths.value(static_cast<std::uint64_t>(body.size()));
  start += lengths.bytes() + header.bytes();
  Writer start_sum, body_sum;
  start_sum.value(crc32(start));
  body_sum.value(crc32(body));
  const std::string_view chunks[] = {start, start_sum.bytes(), body, body_sum.bytes()};
  write_file_atomically(path, chunks);
}

template <class T>
Checkpoint<T> load_checkpoint(const std::filesystem::path& path) {
  File file = open(path);
  if (file.info.dtype != dtype_of<T>())
    fail_file("load_checkpoint", path, "expected values of ", dtype_of<T>(), ", got ", file.info.dtype);
  Reader body_sum(path, std::string_view(file.bytes).substr(file.body_at + file.body_length));
  if (body_sum.value<std::uint32_t>() != crc32(file.body()))
    fail_file("load_checkpoint", path, "expected values that match their checksum, got others: the file is damaged");
  try {
    Reader in(path, file.body());
    SolverState<T> state = read_state<T>(in, file.info, file.version);
    return {std::move(file.info), std::move(state)};
  } catch (const std::invalid_argument& error) {
    fail_file("load_checkpoint", path, error.what());
  }
}

CheckpointInfo read_checkpoint_info(const std::filesystem::path& path) { return open(path).info; }

template void save_checkpoint(const std::filesystem::path&, const SolverState<float>&, std::string_view);
template void save_checkpoint(const std::filesystem::path&, const SolverState<double>&, std::string_view);
template Checkpoint<float> load_checkpoint(const std::filesystem::path&);
template Checkpoint<double> load_checkpoint(const std::filesystem::path&);

}  // namespace lamina
