#include "workbench/pages/diagnostics_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "lamina/io/atomic_file.h"
#include "tests/io/io_checks.h"

namespace lamina {
namespace {

using testing_io::error_of;
using testing_io::expect_clear;

class DiagnosticsFile : public testing_io::InDirectory {};

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Iterations 1 to 12 but 11, each fourth after the tenth; the last one's loss is not finite.
Diagnostics some() {
  Diagnostics diagnostics;
  diagnostics.every = 4;
  diagnostics.layers = {{"conv 1", true}, {"affine 2", false}};
  double value = 1e-310;  // from there up over the whole range of a double
  for (const Index t : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12}) {
    Measurement m{t, t == 12 ? kInf : 1.0 / static_cast<double>(t), t != 12, std::vector<LayerValues>(2)};
    for (LayerValues& layer : m.layers)
      for (double& x : layer.values) x = value *= 2500;
    m.layers[1][Quantity::zero_share] = m.layers[1][Quantity::dead_share] = 0;
    if (t == 12) m.layers[0][Quantity::update_ratio] = m.layers[1][Quantity::update_ratio] = 0;
    diagnostics.measurements.push_back(std::move(m));
  }
  return diagnostics;
}

bool same_bits(const Measurement& a, const Measurement& b) {
  bool same = a.iteration == b.iteration && a.updated == b.updated && a.layers.size() == b.layers.size();
  for (std::size_t i = 0; same && i < a.layers.size(); ++i)
    same = std::memcmp(&a.layers[i].values, &b.layers[i].values, sizeof a.layers[i].values) == 0;
  return same && std::memcmp(&a.loss, &b.loss, sizeof a.loss) == 0;
}

TEST_F(DiagnosticsFile, ReadsBackEveryBitUpToAnIteration) {
  const Diagnostics diagnostics = some();
  const auto path = dir_ / "diagnostics.csv";
  write_file_atomically(path, diagnostics_csv(diagnostics));
  for (const Index last : {11, 10, 3, 1, 0}) {
    const std::vector<Measurement> read = read_measurements(path, diagnostics.layers, 4, last);
    ASSERT_EQ(read.size(), static_cast<std::size_t>(std::min<Index>(last, 10))) << last;
    for (std::size_t i = 0; i < read.size(); ++i) EXPECT_TRUE(same_bits(read[i], diagnostics.measurements[i])) << i;
  }
}

TEST_F(DiagnosticsFile, HoldsALineAValueAndLeavesOutWhatIsNotThere) {
  Diagnostics diagnostics = some();
  diagnostics.measurements.erase(diagnostics.measurements.begin(), diagnostics.measurements.end() - 1);
  diagnostics.measurements[0].layers[0] = {{2, 0.5, kInf, 0, -0.25, std::nan(""), 0.75, 0.125}};
  diagnostics.measurements[0].layers[1] = {{1e-12, 3, 0, 0, 0.1, 7, 0, 0}};
  EXPECT_EQ(diagnostics_csv(diagnostics),
            "iteration,layer,quantity,value\n"
            "12,net,loss,inf\n"
            "12,conv 1,weight_norm,2\n"
            "12,conv 1,gradient_norm,0.5\n"
            "12,conv 1,shift_gradient_norm,inf\n"
            "12,conv 1,output_mean,-0.25\n"
            "12,conv 1,output_std,nan\n"
            "12,conv 1,zero_share,0.75\n"
            "12,conv 1,dead_share,0.125\n"
            "12,affine 2,weight_norm,1e-12\n"
            "12,affine 2,gradient_norm,3\n"
            "12,affine 2,shift_gradient_norm,0\n"
            "12,affine 2,output_mean,0.1\n"
            "12,affine 2,output_std,7\n");
}

TEST_F(DiagnosticsFile, SaysWhatIsWrongWithAFile) {
  const Diagnostics diagnostics = some();
  const std::string whole = diagnostics_csv(diagnostics);
  const auto path = dir_ / "diagnostics.csv";
  const auto error = [&](const std::string& text, const std::vector<LayerInfo>& layers, Index last = 10) {
    write_file_atomically(path, text);
    const std::string what = error_of([&] { read_measurements(path, layers, 4, last); });
    expect_clear(what);
    EXPECT_NE(what.find("diagnostics.csv"), std::string::npos) << what;
    return what;
  };
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(error("", diagnostics.layers), "end of the file");
  has(error("a,b\n", diagnostics.layers), "expected the names iteration,layer,quantity,value, got 'a,b'");
  has(error(whole.substr(0, whole.find("10,net")), diagnostics.layers), "up to iteration 10, got them up to 9");
  has(error(whole.substr(0, whole.size() / 3), diagnostics.layers), "end of the file");
  has(error(whole, {{"conv 1", true}, {"affine 3", false}}), "weight_norm of affine 3");
  std::string wrong = whole;
  wrong.replace(wrong.find("weight_norm,") + 12, 1, "x");
  has(error(wrong, diagnostics.layers), "expected a number in line 3");
  has(error("iteration,layer,quantity,value\n1\n", diagnostics.layers), "line 2");
  const std::string missing = error_of([&] { read_measurements(dir_ / "none.csv", diagnostics.layers, 4, 10); });
  has(missing, "none.csv");
}

}  // namespace
}  // namespace lamina
