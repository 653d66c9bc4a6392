#include "notebooks/reproduce.h"

#include <algorithm>
#include <array>

#include "lamina/check.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/version.h"
#include "notebooks/notebooks.h"
#include "notebooks/page.h"
#include "workbench/runs/directory_lock.h"
#include "workbench/runs/run_data.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

struct Program {
  const char *name, *title;
  void (*run)(reproduce::Notebook&);
};
constexpr std::array<Program, 4> kPrograms = {{
    {"fully-connected", "Fully-Connected Neural Nets", reproduce::run_fully_connected},
    {"batch-normalization", "Batch Normalization", reproduce::run_batch_normalization},
    {"dropout", "Dropout", reproduce::run_dropout},
    {"convolutional", "Convolutional Networks", reproduce::run_convolutional},
}};

/// By their first labels: copies of CIFAR-10 may differ a little in their pixels.
bool is_cifar10(const Dataset& data) {
  constexpr std::array<Label, 12> kFirst = {6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 4, 7};
  return data.name == "CIFAR-10" && data.train.size() == 49000 && data.val.size() == 1000 && data.test.size() == 1000 &&
         std::equal(kFirst.begin(), kFirst.end(), data.train.y.begin());
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What the directory holds of the same data, or empty results.
ReproduceResults start_or_go_on(const std::vector<std::string>& names, const fs::path& directory, const Dataset& data,
                                const ReproduceOptions& options) {
  ReproduceResults results;
  results.lamina_version = LAMINA_VERSION;
  results.instruction_set = kernels::target_name();
  results.data_name = data.name;
  results.data_digest = data_digest(data);
  results.is_cifar10 = is_cifar10(data);
  results.quick = options.quick;
  results.precision = options.precision;
  const fs::path path = directory / "results.json";
  if (!fs::exists(path)) return results;
  ReproduceResults held = read_results(path);
  if (options.overwrite) {
    for (const std::string& name : names) fs::remove(directory / (name + ".checkpoint"));
    bool others = false;
    for (const NotebookResults& notebook : held.notebooks)
      others = others || (!notebook.cells.empty() && !contains(names, notebook.name));
    if (!others) return results;
  }
  const auto require = [&](bool same, const std::string& what) {
    if (!same)
      fail_file("reproduce", path, "holds results ", what,
                "; choose another --out, or start all notebooks anew by --overwrite");
  };
  require(held.data_digest == results.data_digest, "of other data (" + held.data_name + ")");
  require(held.quick == options.quick, options.quick ? "of a run without --quick" : "of a run with --quick");
  require(held.precision == options.precision, options.precision == Precision::full
                                                   ? "of a run with --precision bf16"
                                                   : "of a run without --precision bf16");
  require(held.lamina_version == results.lamina_version, "of lamina " + held.lamina_version);
  require(held.instruction_set == results.instruction_set, "computed with " + held.instruction_set);
  if (options.overwrite)
    for (NotebookResults& notebook : held.notebooks)
      if (contains(names, notebook.name)) notebook.cells.clear();
  return held;
}

}  // namespace

const std::vector<std::string>& notebook_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Program& program : kPrograms) all.emplace_back(program.name);
    return all;
  }();
  return names;
}

ReproduceResults reproduce_notebooks(const std::vector<std::string>& names, const Dataset& data,
                                     const fs::path& directory, const ReproduceOptions& options,
                                     const ReproduceWatcher& watcher) {
  for (const std::string& name : names)
    if (!contains(notebook_names(), name)) fail("reproduce", "expected the name of a notebook, got '", name, "'");
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) fail_file("reproduce", directory, "cannot be made a directory: ", error.message());
  const DirectoryLock lock("reproduce", directory);
  ReproduceResults results = start_or_go_on(names, directory, data, options);
  write_results(directory / "results.json", results);  // whether it can be written is told before anything is done
  for (const Program& program : kPrograms) {
    if (!contains(names, program.name)) continue;
    reproduce::Notebook notebook(program.name, program.title, {data, directory, options, watcher}, results);
    try {
      program.run(notebook);
    } catch (const ReproduceStopped&) {
      write_notebook_page(results, directory);
      throw;
    }
    write_notebook_page(results, directory);
  }
  return results;
}

}  // namespace lamina
