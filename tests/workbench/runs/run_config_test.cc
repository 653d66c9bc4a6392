// The configuration of a run as JSON, by this version and by one before options were described once.
#include "workbench/runs/run_config.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "workbench/pages/page_text.h"

namespace lamina {
namespace {

TEST(RunConfig, OfAnEarlierVersionIsRead) {
  const std::string before =
      R"({"average_decay":0.9,"batch_size":50,"conv_stride":1,"conv_strides":[],"data":"cifar10","data_d)"
      R"(igest":"12f2c8846bc9162a","data_dir":"/data","diagnose":0,"dropout":1.0,"dtype":"float32","epoc)"
      R"(hs":2,"filter_sizes":[7,3],"global_average":false,"he_init":false,"hidden":[50,50,50,50,50,50,5)"
      R"(0],"image_size":[32,32],"input_dim":[3,32,32],"label_smoothing":0.0,"learning_rate":0.001,"lr_d)"
      R"(ecay":0.95,"mirror":false,"mirror_averaging":false,"model":"fc","momentum":0.9,"nesterov":false)"
      R"(,"normalization":"batchnorm","num_classes":10,"num_filters":[32,32],"num_train":5000,"patience")"
      R"(:0,"pools":[],"precision":"full","print_every":10,"reg":0.0,"schedule":"none","seed":7,"shift":)"
      R"(0,"shuffle":false,"split_seed":0,"step_epochs":10.0,"step_factor":0.1,"test_fraction":0.1,"upda)"
      R"(te_rule":"adam","use_batch_norm":true,"val_fraction":0.1,"warmup_epochs":0.0,"weight_decay":0.0)"
      R"(,"weight_scale":0.02})";
  const RunConfig config = run_config_from_json(before);
  EXPECT_EQ(config.net.model, "fc");
  EXPECT_EQ(config.net.fc.hidden_dims, std::vector<Index>(7, 50));
  EXPECT_EQ(config.net.fc.normalization, Normalization::batchnorm);
  EXPECT_EQ(config.net.weight_scale, 0.02);
  EXPECT_EQ(config.solver.update_rule, UpdateRule::adam);
  EXPECT_EQ(config.solver.num_epochs, 2);
  EXPECT_EQ(config.solver.batch_size, 50);
  EXPECT_EQ(config.solver.average_weights, 0.9);
  EXPECT_EQ(config.solver.lr_decay, 0.95);
  EXPECT_EQ(config.num_train, 5000);
  EXPECT_EQ(config.seed, 7u);
  EXPECT_FALSE(config.solver.patience.has_value());  // it was 0 there
  EXPECT_FALSE(config.diagnose.has_value());
  EXPECT_FALSE(config.solver.schedule.warmup_epochs.has_value());
  EXPECT_EQ(to_json(run_config_from_json(to_json(config))), to_json(config));
  for (const char* name : {"\"seed\":", "\"batch_size\":", "\"update_rule\":"}) {
    std::string without = before;
    without.replace(without.find(name), 2, "\"x");
    EXPECT_THROW(run_config_from_json(without), std::invalid_argument) << name;
  }
}

// The JSON library would take more stack than there is.
TEST(RunConfig, DeepJsonIsOneLine) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  for (const char* name : {"\"num_filters\"", "\"epochs\"", "\"seed\"", "\"other\""}) try {
      run_config_from_json("{" + (name + (":" + deep)) + "}");
      ADD_FAILURE() << "read " << name;
    } catch (const std::invalid_argument& error) {
      EXPECT_STREQ(error.what(),
                   "[run_config_from_json] expected JSON with at most 100 brackets inside one another, got more");
    }
}

TEST(PageText, LettersAreNotCut) {
  EXPECT_EQ(first_letters("fr\xc3\xb6sche", 3), "fr\xc3\xb6");
  EXPECT_EQ(first_letters("\xe7\x8c\xab\xe7\x8a\xac", 1), "\xe7\x8c\xab");
  EXPECT_EQ(first_letters("cat", 5), "cat");
  EXPECT_EQ(first_letters("cat", 0), "");
}

}  // namespace
}  // namespace lamina
