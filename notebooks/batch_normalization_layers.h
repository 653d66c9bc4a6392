// Cells 5 to 9, 16 and 17 of the second notebook, which train nothing.
#pragma once

#include "notebooks/notebook.h"

namespace lamina::reproduce {

void batchnorm_forward_cell(Cell& cell);
void batchnorm_test_time_cell(Cell& cell);
void batchnorm_backward_cell(Cell& cell);
void batchnorm_alternative_cell(Cell& cell);
void batchnorm_net_cell(Cell& cell);
void layernorm_forward_cell(Cell& cell);
void layernorm_backward_cell(Cell& cell);

}  // namespace lamina::reproduce
