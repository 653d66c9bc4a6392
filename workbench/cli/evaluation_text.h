// An evaluation as lamina eval shows it: text or JSON.
#pragma once

#include <cstddef>
#include <string>

#include "workbench/runs/evaluation.h"

namespace lamina::cli {

/// Lines of at most about `room` columns: the score, a table of the classes, labels or numbers, and, for classes, the
/// confusion matrix.
std::string evaluation_text(Evaluation found, std::size_t room);
/// The same as one JSON object in one line.
std::string evaluation_json(const Evaluation& found);

}  // namespace lamina::cli
