// Cells 4 to 14 of the fourth notebook, which train nothing.
#pragma once

#include "notebooks/notebook.h"

namespace lamina::reproduce {

void conv_forward_cell(Cell& cell);
void conv_backward_cell(Cell& cell);
void max_pool_forward_cell(Cell& cell);
void max_pool_backward_cell(Cell& cell);
void spatial_batchnorm_forward_cell(Cell& cell);
void spatial_batchnorm_test_time_cell(Cell& cell);
void spatial_batchnorm_backward_cell(Cell& cell);
void groupnorm_forward_cell(Cell& cell);
void groupnorm_backward_cell(Cell& cell);
void conv_net_loss_cell(Cell& cell);
void conv_net_gradients_cell(Cell& cell);

}  // namespace lamina::reproduce
