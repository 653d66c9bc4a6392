#include "datasets/npz_dataset.h"

#include <algorithm>
#include <array>
#include <cmath>
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
    const bool numbers = are_numbers(find("y_train"));
    Index outputs = 0;
    for (const auto& [name, split] : {std::pair{"train", &data.train}, {"val", &data.val}, {"test", &data.test}}) {
      if (numbers) {
        split->targets = targets(name, split->X.size());
        outputs = split->targets->dim(1);
      } else {
        split->y = labels(name, split->X.size());
        outputs = std::max(outputs, Index{1} + *std::max_element(split->y.begin(), split->y.end()));
      }
      split->weights = weights(name, split->X.size());
    }
    std::vector<std::string>& names = numbers ? data.target_names : data.class_names;
    for (Index k = 0; k < outputs; ++k) names.push_back(std::to_string(k));
    return data;
  }

 private:
  template <class... Parts>
  [[noreturn]] void wrong(const Parts&... parts) {
    fail_file("load_npz", path_, parts...);
  }

  // Null if there is none.
  StoredTensor* look_for(const std::string& name) {
    for (NamedStoredTensor& array : arrays_)
      if (array.name == name) return &array.value;
    return nullptr;
  }
  StoredTensor& find(const std::string& name) {
    if (StoredTensor* array = look_for(name)) return *array;
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

  static bool is_floating(const StoredTensor& array) {
    return std::string_view(kTypeNames[array.index()]).starts_with("float");
  }
  static bool are_numbers(const StoredTensor& y) { return shape_of(y).rank() == 2 || is_floating(y); }

  Tensor<double> finite_numbers(const std::string& name, const StoredTensor& array) {
    Tensor<double> result = to_tensor<double>(array);
    for (const double value : result)
      if (!std::isfinite(value)) wrong("expected finite numbers in ", name, ", got ", value);
    return result;
  }

  // y_train is read first: the others must have as many numbers an example.
  std::shared_ptr<const Tensor<double>> targets(const std::string& split, Index n) {
    const std::string name = "y_" + split;
    const StoredTensor& array = find(name);
    const Shape& shape = shape_of(array);
    if (split == "train") {
      if (shape.rank() > 2 || shape[0] != n || shape.size() == 0)
        wrong("expected y_train of shape ", Shape{n}, " or (", n, ", K) to match X_train, got ", shape);
      numbers_each_ = shape.size() / n;
    }
    if (!(shape == Shape{n, numbers_each_}) && !(numbers_each_ == 1 && shape == Shape{n}))
      wrong("expected ", name, " of shape ", Shape{n, numbers_each_}, " to match X_", split, " and y_train, got ",
            shape);
    if (!are_numbers(array)) wrong("expected ", name, " of numbers to match y_train, got labels");
    Tensor<double> result = finite_numbers(name, array);
    result.reshape({n, numbers_each_});
    return std::make_shared<const Tensor<double>>(std::move(result));
  }

  std::shared_ptr<const Tensor<double>> weights(const std::string& split, Index n) {
    const std::string name = "w_" + split;
    const StoredTensor* array = look_for(name);
    if (array == nullptr) return nullptr;
    if (!is_floating(*array)) wrong("expected ", name, " of float32 or float64, got ", kTypeNames[array->index()]);
    if (!(shape_of(*array) == Shape{n}))
      wrong("expected ", name, " of shape ", Shape{n}, " to match X_", split, ", got ", shape_of(*array));
    return std::make_shared<const Tensor<double>>(finite_numbers(name, *array));
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
  Index numbers_each_ = 0;  // K of y_train (N, K)
};

}  // namespace

bool is_npz(const fs::path& path) {
  std::error_code error;
  return path.extension() == ".npz" && fs::is_regular_file(path, error);
}

Dataset load_npz(const fs::path& path) { return Loader(path).load(); }

}  // namespace lamina
