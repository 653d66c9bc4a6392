// The confusion matrix of an evaluation as text.
#pragma once

#include <cstddef>
#include <string>

#include "workbench/runs/evaluation.h"

namespace lamina::cli {

/// The matrix in lines of at most `room` columns. Its columns are headed by the first letters of the classes' names,
/// or, where these are not enough to tell the classes apart or take too much room, by the classes' numbers. Where a
/// matrix has no room at all, the text lists the commonest confusions instead.
std::string confusion_text(const Evaluation& found, std::size_t room);

}  // namespace lamina::cli
