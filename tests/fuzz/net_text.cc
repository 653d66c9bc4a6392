// The text of a net: the text of the blocks that were read gives the same blocks, and so do its parameters.
#include "lamina/nets/block.h"
#include "lamina/nets/block_text.h"
#include "lamina/nets/net_config.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  const std::string text = to_text(parse_net(bytes));
  require(to_text(parse_net(text)) == text, "another text of the net that a text gives: " + text);

  NetConfig config{.model = kNetOfBlocks, .net = std::string(bytes), .input_dim = {3, 12, 10}};
  config.num_classes = score_count(config.input_dim, parse_net(bytes));
  const auto layout = parameter_layout(config);
  config.net = text;
  require(parameter_layout(config) == layout, "other parameters of the net that a text gives");
  const std::string json = to_json(config);
  require(to_json(net_config_from_json(json)) == json, "another configuration after reading it: " + json);
}

std::vector<std::string> seeds() {
  return {"conv 32 3x3 | batchnorm | relu | max_pool 2 | affine 10",
          "repeat 2 ( residual ( conv 4 3x3 pad 1 | groupnorm 2 | leaky_relu 0.1 ) shortcut ( conv 4 1x1 ) | relu ) | "
          "global_average_pool | affine 10",
          "concat ( conv 2 3x3 stride 2 ) ( max_pool 2 ) | dropout 0.5 seed 7 | flatten | affine 7 init scale 1e-3",
          "conv 6 5x5 init xavier | layernorm eps 1e-6 | sigmoid | batchnorm momentum 0.8 eps 1e-3 | affine 2",
          "conv 6 3x5 stride 2x1 pad 1x2 dilation 1x2 groups 3 no_bias | batchnorm no_scale | relu | affine 4 no_bias",
          "conv 3 3x3 groups 3 | conv 8 1x1 rate 0.5 decay 0 | groupnorm 2 init zeros | relu | affine 3 frozen",
          "conv 3 3x3 | tanh | silu | elu alpha 0.5 | gelu | average_pool 3 stride 2 pad 1 exclude_pad | affine 3"};
}

}  // namespace lamina::fuzz
