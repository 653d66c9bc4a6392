#include "lamina/nets/loss.h"

namespace lamina {
namespace {

constexpr std::string_view kLosses[] = {"softmax", "svm", "sigmoid", "squared", "absolute", "huber"};  // as in Loss

}  // namespace

std::string_view name_of(Loss loss) { return kLosses[static_cast<std::size_t>(loss)]; }

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
