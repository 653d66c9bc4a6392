// The notebooks' inline questions, each with what this run shows about it. They draw from streams of their own: the
// notebook's stream stays where it was.
#pragma once

#include "notebooks/notebook.h"

namespace lamina::reproduce {

void vanishing_gradients_question(Cell& cell);
void depth_question(Cell& cell);

/// After cell 12.
void batchnorm_initialization_question(Cell& cell);
/// After cell 14.
void batchnorm_batch_size_question(Cell& cell);
void preprocessing_question(Cell& cell);
void layernorm_failure_question(Cell& cell);

void dropout_scale_question(Cell& cell);
/// After cell 8. Its first experiment's second plot is what dropout_size_question goes on with.
void dropout_regularizer_question(Cell& cell);
void dropout_size_question(Cell& cell);

}  // namespace lamina::reproduce
