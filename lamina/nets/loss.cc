#include "lamina/nets/loss.h"

#include <cmath>
#include <iterator>
#include <limits>
#include <numbers>
#include <string>

#include "lamina/check.h"

namespace lamina {
namespace {

constexpr std::string_view kLosses[] = {"softmax", "svm", "sigmoid", "squared", "absolute", "huber"};  // as in Loss

}  // namespace

std::string_view name_of(Loss loss) { return kLosses[static_cast<std::size_t>(loss)]; }

Loss loss_from_name(std::string_view where, std::string_view name) {
  std::string names;
  for (std::size_t i = 0; i < std::size(kLosses); ++i) {
    if (kLosses[i] == name) return static_cast<Loss>(i);
    names += (i > 0 ? ", " : "") + std::string(kLosses[i]);
  }
  fail(where, "expected a loss, one of ", names, ", got '", name, "'");
}

double even_loss(Loss loss, Index C) {
  switch (loss) {
    case Loss::softmax:
      return std::log(static_cast<double>(C));
    case Loss::svm:
      return static_cast<double>(C - 1);
    case Loss::sigmoid:
      return std::numbers::ln2;
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

void visit_options(LossOptions& options, const VisitOption& visit) {
  visit_choice(visit,
               {.name = "loss",
                .help = "What training makes small: softmax or svm for classes, sigmoid for several labels at once, "
                        "squared, absolute or huber for numbers",
                .newer = true},
               options.loss, kLosses);
  visit({.name = "huber_delta",
         .help = "Error up to which the loss is its square",
         .range = {.open_least = true},
         .needs = "loss",
         .needs_value = "huber",
         .newer = true},
        &options.huber_delta);
}

}  // namespace lamina
