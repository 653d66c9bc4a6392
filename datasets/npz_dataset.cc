#include "datasets/npz_dataset.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "datasets/npz.h"
#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostClasses = 1 << 16;
constexpr std::array<const char*, 4> kTypeNames = {"float32", "float64", "int64",
                                                   "uint8"};  // of StoredTensor, in its order

class Loader {
 public:
  explicit Loader(const fs::path& path) : path_(path), arrays_(read_npz(path)) {}

  Dataset load() {
    Dataset data;
    data.name = path_.filename().string();
    data.train.X = images("X_train", data);
    data.val.X = images("X_val", data);
    data.test.X = images("X_test", data);
    for (const auto& [name, split] : {std::pair{"train", &data.train}, {"val", &data.val}, {"test", &data.test}})
      split->y = labels(name, split->X.size());
    Label largest = 0;
    for (const Split* split : {&data.train, &data.val, &data.test})
      largest = std::max(largest, *std::max_element(split->y.begin(), split->y.end()));
    for (Label k = 0; k <= largest; ++k) data.class_names.push_back(std::to_string(k));
    return data;
  }

 private:
  template <class... Parts>
  [[noreturn]] void wrong(const Parts&... parts) {
    fail_file("load_npz", path_, parts...);
  }

  StoredTensor& find(const std::string& name) {
    for (NamedStoredTensor& array : arrays_)
      if (array.name == name) return array.value;
    wrong("expected arrays X_train, y_train, X_val, y_val, X_test and y_test, found no ", name);
  }

  // X_train is read first: the others must have its type and example shape, and use its mean.
  Examples images(const std::string& name, Dataset& data) {
    StoredTensor& array = find(name);
    std::string_view type = kTypeNames[array.index()];
    if (type == "int64") wrong("expected ", name, " of uint8, float32 or float64, got int64");
    const Shape& shape = shape_of(array);
    if (shape.rank() < 2 || shape.rank() > 4 || shape.size() == 0)
      wrong("expected ", name, " of shape (N, C, H, W), (N, H, W) or (N, D) that is not empty, got ", shape);
    const Index n = shape[0];
    const Shape whole = shape.rank() == 4   ? shape
                        : shape.rank() == 3 ? Shape{n, 1, shape[1], shape[2]}
                                            : Shape{n, shape[1], 1, 1};
    if (name == "X_train") {
      type_ = type;
      if (type == "uint8")
        data.mean =
            std::make_shared<const Tensor<double>>(mean_image(std::get<Tensor<std::uint8_t>>(array).reshaped(whole)));
    }
    const Shape& one = data.train.X.example_shape();
    if (name != "X_train" && !(whole == Shape{n, one[0], one[1], one[2]}))
      wrong("expected ", name, " with examples of ", one, " to match X_train, got ", shape);
    if (type != type_) wrong("expected ", name, " of ", type_, " to match X_train, got ", type);
    return std::visit([&](auto& tensor) { return examples(tensor, whole, data); }, array);
  }

  static Examples examples(Tensor<std::int64_t>&, const Shape&, const Dataset&) { return {}; }  // rejected above
  static Examples examples(Tensor<std::uint8_t>& bytes, const Shape& shape, const Dataset& data) {
    bytes.reshape(shape);
    return Examples(std::make_shared<const Tensor<std::uint8_t>>(std::move(bytes)), data.mean);
  }
  template <class T>
  static Examples examples(Tensor<T>& numbers, const Shape& shape, const Dataset&) {
    numbers.reshape(shape);
    return Examples(std::move(numbers));
  }

  std::vector<Label> labels(const std::string& split, Index n) {
    const std::string name = "y_" + split;
    const StoredTensor& array = find(name);
    const std::string_view type = kTypeNames[array.index()];
    if (type != "int64" && type != "uint8") wrong("expected ", name, " of int64 or uint8, got ", type);
    const Shape& shape = shape_of(array);
    if (!(shape == Shape{n})) wrong("expected ", name, " of shape ", Shape{n}, " to match X_", split, ", got ", shape);
    std::vector<Label> result;
    const auto take = [&](const auto& values) {
      for (const auto value : values) {
        if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>) {
          const std::int64_t label = value;
          if (label < 0 || label >= kMostClasses)
            wrong("expected ", name, " with labels of 0 to ", kMostClasses - 1, ", got ", label);
          result.push_back(static_cast<Label>(label));
        }
      }
    };
    std::visit(take, array);
    return result;
  }

  const fs::path& path_;
  std::vector<NamedStoredTensor> arrays_;
  std::string_view type_;
};

}  // namespace

bool is_npz(const fs::path& path) {
  std::error_code error;
  return path.extension() == ".npz" && fs::is_regular_file(path, error);
}

Dataset load_npz(const fs::path& path) { return Loader(path).load(); }

}  // namespace lamina
