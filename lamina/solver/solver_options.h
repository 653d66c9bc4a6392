// What a training loop is told.
#pragma once

#include <iostream>
#include <optional>
#include <string>

#include "lamina/data/dataset.h"
#include "lamina/optim/schedule.h"
#include "lamina/optim/update_rule.h"
#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' keyword arguments of Solver with their defaults, and what makes models better besides.
struct SolverOptions {
  UpdateRule update_rule = UpdateRule::sgd;
  OptimConfig optim_config;
  double lr_decay = 1.0;  ///< the learning rate is multiplied by it at each epoch's end
  Index batch_size = 100;
  /// Parts of a mini-batch that are computed one by one, with statistics of their own in batch normalization; their
  /// gradients are added up for one update. From 1 to batch_size.
  Index slots = 1;
  Index num_epochs = 10;
  std::optional<Index> num_train_samples = 1000;  ///< of a training accuracy check; none: the whole split
  std::optional<Index> num_val_samples = {};      ///< of a validation accuracy check; none: the whole split
  Schedule schedule;                              ///< of the learning rate, over the iterations of a call of train()
  /// Where the Euclidean norm of all gradients together is larger, the update sees them scaled down to this norm
  /// (Pascanu, Mikolov and Bengio, 2013). The model's gradients, which hooks see, stay as they are.
  std::optional<double> clip_norm = {};
  /// Weights of the classes in the training loss, next to those of the examples: "balanced", which gives all classes
  /// the same sum of weights, or a number for each class, separated by commas; empty: all the same.
  std::string class_weights = {};
  bool shuffle = false;       ///< mini-batches without replacement, from one permutation after the other
  Augmentation augmentation;  ///< of the mini-batches
  /// Above 0: validation, best_params() and the model after train() take averages of parameters and buffers, which
  /// after update t (from 0) become average + (1 - d) (value - average), d = min(average_weights, (1 + t) / (10 + t)),
  /// from the values after the first update on (Polyak and Juditsky, 1992).
  double average_weights = 0;
  bool mirror_averaging = false;  ///< accuracy checks take the mean of an image's scores and those of its mirror image
  /// train() ends after so many accuracy checks in a row without a new best; none: never.
  std::optional<Index> patience = {};
  Index print_every = 10;  ///< iterations from one printed loss to the next
  bool verbose = true;
  std::ostream* out = &std::cout;

  bool operator==(const SolverOptions&) const = default;
};

namespace detail {

void visit_update_rule(UpdateRule& rule, const VisitOption& visit);
void visit_optim_config(OptimConfig& config, const VisitOption& visit);

}  // namespace detail

/// Describes the options to flags, keywords and files. It stands beside the struct, where a new option goes.
inline void visit_options(SolverOptions& options, const VisitOption& visit) {
  detail::visit_update_rule(options.update_rule, visit);
  detail::visit_optim_config(options.optim_config, visit);
  visit({.name = "clip_norm",
         .help = "If the norm of all gradients together is larger than this, they are scaled down to it for the update",
         .range = {.open_least = true},
         .newer = true},
        &options.clip_norm);
  visit({.name = "lr_decay",
         .help = "The learning rate is multiplied by it after each epoch",
         .range = {.open_least = true}},
        &options.lr_decay);
  visit_options(options.schedule, visit);
  visit({.name = "class_weights",
         .help = "Weights of the classes in the training loss: balanced (a class of few images weighs more), or a "
                 "number for each, separated by commas [all the same]",
         .newer = true},
        &options.class_weights);
  visit({.name = "shuffle",
         .help = "Each image once an epoch, shuffled, instead of drawn with replacement",
         .newer = true},
        &options.shuffle);
  visit({.name = "mirror", .help = "Mirror every other training image, drawn at random", .newer = true},
        &options.augmentation.mirror);
  visit({.name = "shift",
         .help = "Move training images by up to so many pixels each way, drawn at random",
         .range = {0, 1 << 20},
         .newer = true},
        &options.augmentation.max_shift);
  visit({.name = "reflect", .help = "What a shift brings in is the image's reflection, not the mean", .newer = true},
        &options.augmentation.reflect);
  visit({.name = "cutout",
         .help = "Cut a square of so many pixels a side out of training images, at a place drawn at random",
         .range = {0, 1 << 20},
         .newer = true},
        &options.augmentation.cutout);
  visit(
      {.name = "brightness",
       .help = "Multiply the pixels of training images by a factor of up to so much below or above 1, drawn at random",
       .range = {.most = 10},
       .newer = true},
      &options.augmentation.brightness);
  visit({.name = "contrast",
         .help = "Then multiply the distance of pixels from their mean by such a factor",
         .range = {.most = 10},
         .newer = true},
        &options.augmentation.contrast);
  visit({.name = "average_weights",
         .help = "Validation and the model take moving averages of the weights, which keep this share in each step; 0: "
                 "none",
         .range = {.most = 1, .open_most = true},
         .newer = true},
        &options.average_weights);
  visit({.name = "mirror_averaging",
         .help = "Accuracies and predictions take the mean of an image's scores and those of its mirror image",
         .newer = true},
        &options.mirror_averaging);
  visit({.name = "patience",
         .help = "End the run after so many epochs without a better validation accuracy [never]",
         .range = {.least = 1},
         .newer = true},
        &options.patience);
  visit({.name = "num_epochs", .help = "Passes over the training split", .range = {.least = 1}, .flag = "epochs"},
        &options.num_epochs);
  visit({.name = "batch_size", .help = "Images a step", .range = {1, kLargestWhole}}, &options.batch_size);
  visit({.name = "slots",
         .help = "Parts of a step's images that are computed one by one, in the memory of one of them",
         .range = {1, kLargestWhole},
         .newer = true},
        &options.slots);
  visit({.name = "num_train_samples",
         .help = "Training images that an accuracy check draws where there are more",
         .range = {.least = 1},
         .newer = true},
        &options.num_train_samples);
  visit({.name = "num_val_samples",
         .help = "Validation images that an accuracy check draws where there are more [all]",
         .range = {.least = 1},
         .newer = true},
        &options.num_val_samples);
  visit({.name = "print_every",
         .help = "In a pipe: iterations from one printed loss to the next",
         .range = {.least = 1},
         .group = "Output"},
        &options.print_every);
}

namespace detail {

/// Throws std::invalid_argument for an option out of range.
void check_options(const SolverOptions& options);
Index iterations_per_epoch(Index num_train, Index batch_size);
Index count_iterations(Index num_train, const SolverOptions& options);

}  // namespace detail
}  // namespace lamina
