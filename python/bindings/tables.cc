// Tables as data sets: CSV files read by lamina::datasets' own reader (datasets/table.h).
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "datasets/table.h"
#include "python/bindings/arrays.h"
#include "python/bindings/bindings.h"
#include "python/bindings/gil.h"

namespace lamina::python {
namespace {

// The examples (N, D, 1, 1) as an array (N, D).
py::object rows_of(const Tensor<double>& X) {
  const Index N = X.rank() == 0 ? 0 : X.dim(0);
  return result(copied<double>(X.reshaped({N, N == 0 ? X.size() : X.size() / N})), Type::float64);
}

py::object rows_of(const Split& split, Index columns) {
  Tensor<double> X(Shape{split.size(), columns}), taken;
  if (split.size() > 0) {
    const TensorView<double> all = split.X.range(0, split.size(), taken);
    std::copy(all.begin(), all.end(), X.begin());
  }
  return result(std::move(X), Type::float64);
}

py::object targets_of(const Split& split, Index numbers) {
  if (numbers == 0) {
    py::array_t<std::int64_t> y(static_cast<py::ssize_t>(split.y.size()));
    std::copy(split.y.begin(), split.y.end(), y.mutable_data());
    return y;
  }
  if (!split.targets) return result(Tensor<double>(Shape{0, numbers}), Type::float64);
  return result(copied<double>(*split.targets), Type::float64);
}

py::dict load(const std::string& path, const py::dict& given) {
  TableOptions options;
  options.target = given["target"].cast<std::string>();
  options.ignore_columns = given["ignore_columns"].cast<std::string>();
  options.categories = given["categories"].cast<std::string>();
  options.split_column = given["split_column"].cast<std::string>();
  options.kind = targets_of(loss_from_name("load_table", given["loss"].cast<std::string>()));
  options.split_seed = given["split_seed"].cast<std::uint32_t>();
  options.val_fraction = given["val_fraction"].cast<double>();
  options.test_fraction = given["test_fraction"].cast<double>();
  std::optional<Dataset> data;
  {
    const Unlocked unlocked;
    data = load_table(path, options);
  }
  const Index columns = data->example_shape()[0];
  const auto numbers = static_cast<Index>(data->target_names.size());
  py::dict found;
  for (const auto& [name, split] : {std::pair{"train", &data->train}, {"val", &data->val}, {"test", &data->test}}) {
    found[py::str(std::string("X_") + name)] = rows_of(*split, columns);
    found[py::str(std::string("y_") + name)] = targets_of(*split, numbers);
  }
  found["names"] = data->output_names();
  found["preparation"] = data->preparation;
  return found;
}

py::object rows(const std::string& path, const std::string& preparation, bool allow_unknown) {
  const TablePreparation known = table_preparation_from_json(preparation);
  std::optional<Tensor<double>> X;
  {
    const Unlocked unlocked;
    const CsvTable table = read_csv(path);
    X = known.read_inputs(table, all_rows(table), {.allowed = allow_unknown});
  }
  return rows_of(*X);
}

}  // namespace

void bind_tables(py::module_& m) {
  m.def("load_table", &load, py::arg("path"), py::arg("options"));
  m.def("table_rows", &rows, py::arg("path"), py::arg("preparation"), py::arg("allow_unknown"));
}

}  // namespace lamina::python
