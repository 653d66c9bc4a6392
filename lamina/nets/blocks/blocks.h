// Includes all blocks.
#pragma once

#include <tuple>

#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/blocks/average_pool.h"
#include "lamina/nets/blocks/batchnorm.h"
#include "lamina/nets/blocks/concat.h"
#include "lamina/nets/blocks/conv.h"
#include "lamina/nets/blocks/dropout.h"
#include "lamina/nets/blocks/elu.h"
#include "lamina/nets/blocks/flatten.h"
#include "lamina/nets/blocks/gelu.h"
#include "lamina/nets/blocks/global_average_pool.h"
#include "lamina/nets/blocks/groupnorm.h"
#include "lamina/nets/blocks/layernorm.h"
#include "lamina/nets/blocks/leaky_relu.h"
#include "lamina/nets/blocks/max_pool.h"
#include "lamina/nets/blocks/relu.h"
#include "lamina/nets/blocks/repeat.h"
#include "lamina/nets/blocks/residual.h"
#include "lamina/nets/blocks/sigmoid.h"
#include "lamina/nets/blocks/silu.h"
#include "lamina/nets/blocks/tanh.h"

namespace lamina {

/// All blocks that the text of a net may name, in the order in which messages list them.
using AllBlocks = std::tuple<Affine, Conv, BatchNorm, LayerNorm, GroupNorm, Relu, LeakyRelu, Sigmoid, Tanh, Silu, Elu,
                             Gelu, Dropout, MaxPool, AveragePool, GlobalAveragePool, Flatten, Residual, Concat, Repeat>;

}  // namespace lamina
