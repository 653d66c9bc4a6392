// Cells 5 to 11, 14 and 17 of the first notebook, which train nothing.
#pragma once

#include "notebooks/notebook.h"

namespace lamina::reproduce {

void affine_forward_cell(Cell& cell);
void affine_backward_cell(Cell& cell);
void relu_forward_cell(Cell& cell);
void relu_backward_cell(Cell& cell);
void sandwich_cell(Cell& cell);
void losses_cell(Cell& cell);
void two_layer_net_cell(Cell& cell);
void initial_loss_cell(Cell& cell);
void update_rule_cell(Cell& cell);

}  // namespace lamina::reproduce
