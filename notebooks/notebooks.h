// The four notebooks. Each runs its cells in order on one stream.
#pragma once

#include "notebooks/notebook.h"

namespace lamina::reproduce {

void run_fully_connected(Notebook& notebook);
void run_batch_normalization(Notebook& notebook);
void run_dropout(Notebook& notebook);
void run_convolutional(Notebook& notebook);

}  // namespace lamina::reproduce
