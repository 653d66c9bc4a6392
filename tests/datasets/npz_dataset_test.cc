#include "datasets/npz_dataset.h"

#include <cmath>
#include <numeric>

#include "datasets/load.h"
#include "datasets/npz.h"
#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

// The six arrays, by name; a test changes one of them and writes the file.
struct Arrays {
  std::vector<NamedStoredTensor> list;

  StoredTensor& operator[](const std::string& name) {
    for (NamedStoredTensor& array : list)
      if (array.name == name) return array.value;
    return list.emplace_back(NamedStoredTensor{name, {}}).value;
  }
  fs::path write(const fs::path& path) const {
    std::vector<NamedStoredView> views;
    for (const auto& [name, value] : list)
      views.push_back({name, std::visit([](const auto& tensor) -> StoredView { return tensor; }, value)});
    write_npz(path, views);
    return path;
  }
};

template <class T>
Tensor<T> counted(const Shape& shape, int first) {
  Tensor<T> x(shape);
  std::iota(x.begin(), x.end(), static_cast<T>(first));
  return x;
}

template <class T>
Arrays arrays(const Shape& example) {
  const auto of = [&](Index n) {
    return example.rank() == 1   ? Shape{n, example[0]}
           : example.rank() == 2 ? Shape{n, example[0], example[1]}
                                 : Shape{n, example[0], example[1], example[2]};
  };
  Arrays made;
  made["X_train"] = counted<T>(of(4), 0);
  made["y_train"] = Tensor<std::int64_t>({4}, std::vector<std::int64_t>{0, 2, 1, 0});
  made["X_val"] = counted<T>(of(2), 50);
  made["y_val"] = Tensor<std::int64_t>({2}, std::vector<std::int64_t>{1, 3});
  made["X_test"] = counted<T>(of(1), 70);
  made["y_test"] = Tensor<std::int64_t>({1}, std::vector<std::int64_t>{2});
  return made;
}

class NpzDataset : public ::testing::Test {
 protected:
  fs::path path() const { return temporary_.path() / "own.npz"; }
  std::string error(const Arrays& made) const {
    made.write(path());
    const std::string said = thrown([&] { load_npz(path()); });
    const std::string start = "[load_npz] " + path().string() + ": ";
    return said.starts_with(start) ? said.substr(start.size()) : said;
  }
  TemporaryDirectory temporary_;
};

TEST_F(NpzDataset, NumbersAreTakenAsTheyAre) {
  Arrays made = arrays<double>({1, 2, 3});
  made["notes"] = Tensor<float>({3});
  const Dataset data = load_dataset(made.write(path()).string());
  EXPECT_EQ(data.name, "own.npz");
  EXPECT_EQ(data.class_names, (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(data.mean, nullptr);
  EXPECT_EQ(data.example_shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(data.train.size(), 4);
  EXPECT_EQ(data.train.y, (std::vector<Label>{0, 2, 1, 0}));
  EXPECT_EQ(data.val.y, (std::vector<Label>{1, 3}));
  EXPECT_EQ(data.test.y, (std::vector<Label>{2}));
  Tensor<double> image;
  data.val.X.slice(1, 1, image);
  EXPECT_EQ(image[2], 58);
  EXPECT_TRUE(has_own_splits(path().string()));
}

TEST_F(NpzDataset, OtherShapesAndTypes) {
  Dataset data = load_npz(arrays<float>({6}).write(path()));
  EXPECT_EQ(data.example_shape(), (Shape{6, 1, 1}));
  Tensor<float> image;
  data.train.X.slice(3, 1, image);
  EXPECT_EQ(image[1], 19);
  Arrays made = arrays<std::uint8_t>({2, 3});
  made["y_val"] = Tensor<std::uint8_t>({2}, std::vector<std::uint8_t>{1, 0});
  data = load_npz(made.write(path()));
  EXPECT_EQ(data.example_shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(data.class_names.size(), 3u);
  ASSERT_NE(data.mean, nullptr);
  EXPECT_EQ((*data.mean)[4], (4 + 10 + 16 + 22) / 4.0);
  data.test.X.slice(0, 1, image);
  EXPECT_EQ(image[4], 74 - 13);
}

// The same bytes give the same mini-batches as CIFAR-10's own files.
TEST_F(NpzDataset, BytesAreAsInOtherSets) {
  write_cifar(temporary_.path() / "cifar", 400, 10);
  const Dataset expected = load_dataset((temporary_.path() / "cifar").string());
  Arrays made;
  for (const auto& [name, split] :
       {std::pair{"train", &expected.train}, {"val", &expected.val}, {"test", &expected.test}}) {
    Tensor<double> numbers;
    split->X.with_mean(nullptr).slice(0, split->size(), numbers);
    Tensor<std::uint8_t> bytes(numbers.shape());
    std::copy(numbers.begin(), numbers.end(), bytes.begin());
    made[std::string("X_") + name] = std::move(bytes);
    made[std::string("y_") + name] =
        Tensor<std::int64_t>({split->size()}, std::vector<std::int64_t>(split->y.begin(), split->y.end()));
  }
  const Dataset data = load_npz(made.write(path()));
  EXPECT_EQ(data.train.y, expected.train.y);
  Tensor<float> seen, wanted;
  data.val.X.slice(0, 1000, seen);
  expected.val.X.slice(0, 1000, wanted);
  EXPECT_TRUE(std::equal(seen.begin(), seen.end(), wanted.begin(), wanted.end()));
}

TEST_F(NpzDataset, TargetsMayBeNumbers) {
  Arrays made = arrays<float>({6});
  made["y_train"] = counted<double>({4, 2}, 1);
  made["y_val"] = counted<float>({2, 2}, 20);
  made["y_test"] = Tensor<std::uint8_t>({1, 2}, 1);
  made["w_train"] = counted<float>({4}, 5);
  Dataset data = load_npz(made.write(path()));
  EXPECT_EQ(data.target_names, (std::vector<std::string>{"0", "1"}));
  EXPECT_TRUE(data.class_names.empty());
  EXPECT_EQ(data.num_outputs(), 2);
  EXPECT_TRUE(data.train.y.empty());
  ASSERT_NE(data.train.targets, nullptr);
  EXPECT_EQ((*data.train.targets)(3, 1), 8);
  EXPECT_EQ((*data.val.targets)(1, 0), 22);
  EXPECT_EQ((*data.test.targets)(0, 1), 1);
  ASSERT_NE(data.train.weights, nullptr);
  EXPECT_EQ((*data.train.weights)[3], 8);
  EXPECT_EQ(data.val.weights, nullptr);

  made["y_train"] = counted<float>({4}, 1);
  made["y_val"] = counted<float>({2, 1}, 20);
  made["y_test"] = counted<double>({1}, 3);
  data = load_npz(made.write(path()));
  EXPECT_EQ(data.num_outputs(), 1);
  EXPECT_EQ(data.train.targets->shape(), (Shape{4, 1}));
  EXPECT_EQ((*data.test.targets)(0, 0), 3);

  const auto with = [&](const std::string& name, StoredTensor value) {
    Arrays changed = made;
    changed[name] = std::move(value);
    return error(changed);
  };
  EXPECT_EQ(with("y_train", Tensor<float>({3, 2})),
            "expected y_train of shape (4,) or (4, K) to match X_train, got (3, 2)");
  EXPECT_EQ(with("y_val", Tensor<float>({2, 2})),
            "expected y_val of shape (2, 1) to match X_val and y_train, got (2, 2)");
  EXPECT_EQ(with("y_val", Tensor<std::int64_t>({2})), "expected y_val of numbers to match y_train, got labels");
  EXPECT_EQ(with("y_test", Tensor<float>({1}, std::nanf(""))), "expected finite numbers in y_test, got nan");
  EXPECT_EQ(with("w_val", Tensor<float>({3})), "expected w_val of shape (2,) to match X_val, got (3,)");
  EXPECT_EQ(with("w_val", Tensor<std::int64_t>({2})), "expected w_val of float32 or float64, got int64");
}

TEST_F(NpzDataset, ErrorsNameTheArray) {
  for (const char* name : {"X_train", "y_train", "X_val", "y_val", "X_test", "y_test"}) {
    Arrays made = arrays<float>({2, 3, 3});
    std::erase_if(made.list, [&](const NamedStoredTensor& array) { return array.name == name; });
    EXPECT_EQ(error(made),
              std::string("expected arrays X_train, y_train, X_val, y_val, X_test and y_test, found no ") + name);
  }
  const auto with = [&](const std::string& name, StoredTensor value) {
    Arrays made = arrays<float>({2, 3, 3});
    made[name] = std::move(value);
    return error(made);
  };
  EXPECT_EQ(with("X_train", Tensor<std::int64_t>({4, 2})), "expected X_train of uint8, float32 or float64, got int64");
  EXPECT_EQ(with("X_train", Tensor<float>({4})),
            "expected X_train of shape (N, C, H, W), (N, H, W) or (N, D) that is not empty, got (4,)");
  EXPECT_EQ(with("X_test", Tensor<float>({0, 2, 3, 3})),
            "expected X_test of shape (N, C, H, W), (N, H, W) or (N, D) that is not empty, got (0, 2, 3, 3)");
  EXPECT_EQ(with("X_val", Tensor<float>({2, 2, 3, 4})),
            "expected X_val with examples of (2, 3, 3) to match X_train, got (2, 2, 3, 4)");
  EXPECT_EQ(with("X_val", Tensor<double>({2, 2, 3, 3})), "expected X_val of float32 to match X_train, got float64");
  EXPECT_EQ(with("y_val", Tensor<std::int64_t>({3})), "expected y_val of shape (2,) to match X_val, got (3,)");
  EXPECT_EQ(with("y_test", Tensor<float>({1})), "expected y_test of int64 or uint8, got float32");
  EXPECT_EQ(with("y_test", Tensor<std::int64_t>({1}, -1)), "expected y_test with labels of 0 to 65535, got -1");
  EXPECT_EQ(with("y_test", Tensor<std::int64_t>({1}, 65536)), "expected y_test with labels of 0 to 65535, got 65536");
  write_bytes(path(), "no archive");
  EXPECT_TRUE(thrown([&] { load_dataset(path().string()); }).starts_with("[read_npz] " + path().string() + ": "));
}

}  // namespace
}  // namespace lamina
