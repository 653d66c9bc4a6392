// One training step, the same for every loop: Solver's in C++ and the one behind Python's Solver.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "lamina/data/dataset.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/update.h"
#include "lamina/nets/net.h"
#include "lamina/optim/clipping.h"
#include "lamina/optim/update_rule.h"
#include "lamina/random.h"
#include "lamina/solver/buffers.h"
#include "lamina/solver/slots.h"
#include "lamina/solver/solver_options.h"
#include "lamina/solver/state.h"
#include "lamina/solver/target_batch.h"
#include "lamina/threads.h"

namespace lamina {

/// A step has three parts, which a loop calls one after another: draw() draws the mini-batch and its augmentation,
/// loss() runs the model (which makes its own draws), and update() moves the parameters. Between the parts a loop may
/// read the gradients, stop because the loss is not finite, or let others use the random stream. A part that was
/// interrupted may be called again.
///
/// Of the options it reads update_rule, batch_size, schedule, clip_norm, shuffle, augmentation, average_weights and
/// class_weights, and slots. It changes `optim`, `order_...` and `average...` of the state, and reads `iteration` and
/// `num_iterations` for the schedule.
template <Model M>
class TrainingStep {
 public:
  using T = typename M::Scalar;

  /// All arguments must outlive the step.
  TrainingStep(M& model, const Split& train, const SolverOptions& options, SolverState<T>& state)
      : model_(model),
        train_(train),
        options_(options),
        state_(state),
        layout_(std::as_const(model_).params().layout()),
        slots_(model) {
    batches_.emplace_back(train);
    state_.optim.resize(layout_.size());
  }

  /// Throws std::invalid_argument, which names the first difference, unless the model's parameters have the names and
  /// shapes that they had when the step was made.
  void check_model() const { detail::check_layout(std::as_const(model_).params(), layout_); }

  /// Draws the rows of the mini-batch, then, if there is augmentation, a mirroring and shift (kernels::Move) per image.
  void draw(RandomState& random) {
    rows_.resize(static_cast<std::size_t>(options_.batch_size));
    if (options_.shuffle)
      take_rows_in_order(random);
    else
      random.choice(train_.size(), rows_);
    if (!options_.augmentation.any()) return;
    moves_.resize(rows_.size());
    draw_moves(options_.augmentation, train_.X.example_shape(), random, moves_);
  }

  /// Gathers the mini-batch, has the model compute the loss and the gradients, and returns the loss. The gradients stay
  /// in the model.
  double loss() {
    if (options_.slots > 1) return loss_in_slots();
    Batch& batch = batches_.front();
    const BatchTargets<T> targets = gather(batch, 0, rows_.size());
    const LossAndGradients<T> result = loss_of(batch.X, targets);
    grads_ = &result.grads;
    return result.loss;
  }

  /// Moves all parameters by the update rule, after weight decay of those named W..., and then updates the moving
  /// averages. Frozen parameters stay as they are, and gradient clipping leaves theirs out. `configs` has one entry per
  /// parameter, or one for all. Each must have a learning rate, which is multiplied by the schedule's factor.
  void update(std::span<const OptimConfig> configs) {
    const double factor = schedule_factor(options_.schedule, state_.iteration, state_.num_iterations,
                                          detail::iterations_per_epoch(train_.size(), options_.batch_size));
    check_model();
    if (options_.average_weights > 0) list_buffers();
    updates_.clear();
    for (std::size_t i = 0; auto& [name, w] : model_.params()) {
      const std::size_t at = i++;
      const UpdateFactors own = update_factors(at);
      if (own.frozen) continue;
      OptimConfig config = with_defaults(options_.update_rule, configs[configs.size() == 1 ? 0 : at]);
      *config.learning_rate *= factor;
      *config.learning_rate *= own.rate;
      *config.weight_decay *= own.decay;
      updates_.add(options_.update_rule, w, (*grads_)[name], config, state_.optim[at], name.starts_with('W'));
    }
    updates_.run(gradient_scale());
    if (options_.average_weights > 0) average();
  }

  /// Calls look() with the moving averages, if there are any, in place of the model's parameters and buffers.
  template <class Look>
  void with_averages(Look&& look) {
    swap_averages();
    try {
      look();
    } catch (...) {
      swap_averages();
      throw;
    }
    swap_averages();
  }

  Index num_train() const { return train_.size(); }
  /// The current permutation of the examples, if mini-batches are shuffled; the state's order_position says how much of
  /// it is used.
  const std::vector<Index>& order() const { return order_; }
  void set_order(std::vector<Index> order, Index position) {
    order_ = std::move(order);
    state_.order_size = static_cast<Index>(order_.size());
    state_.order_position = position;
  }
  /// Recomputes the permutation from the state.
  void restore_order() {
    if (state_.order_size == 0) return;
    RandomState random(state_.order_random);
    draw_order(random);
  }

 private:
  // The examples of a mini-batch, or of one of its slots.
  struct Batch {
    Tensor<T> X;
    TargetBatch<T> targets;
    explicit Batch(const Split& train) : targets(train) {}
  };
  // Gathers so many examples of the mini-batch, and returns their targets.
  BatchTargets<T> gather(Batch& batch, std::size_t first, std::size_t count) {
    const std::span<const Index> rows = std::span(rows_).subspan(first, count);
    if (options_.augmentation.any())
      train_.X.gather(rows, std::span(moves_).subspan(first, count), batch.X);
    else
      train_.X.gather(rows, batch.X);
    return batch.targets.gather(rows, options_.class_weights);
  }

  double loss_in_slots() {
    const std::size_t slots = static_cast<std::size_t>(options_.slots), batch = rows_.size();
    TargetBatch<T>& targets_of_all = batches_.front().targets;
    const double all = targets_of_all.weight_of(rows_, options_.class_weights);
    starts_.resize(slots + 1);
    shares_.resize(slots);
    for (std::size_t s = 0; s <= slots; ++s) starts_[s] = static_cast<Index>(s * batch / slots);
    const auto start = [this](std::size_t s) { return static_cast<std::size_t>(starts_[s]); };
    const auto size = [&](std::size_t s) { return start(s + 1) - start(s); };
    for (std::size_t s = 0; s < slots; ++s)
      shares_[s] = targets_of_all.weight_of(std::span(rows_).subspan(start(s), size(s)), options_.class_weights) / all;
    while (batches_.size() < slots && batches_.size() < static_cast<std::size_t>(used_threads()))
      batches_.emplace_back(train_);
    const double loss = slots_.loss(starts_, shares_, [&](std::size_t worker, auto& model, std::size_t s) {
      Batch& own = batches_[worker];
      BatchTargets<T> targets = gather(own, start(s), size(s));
      if (shares_[s] == 0) targets.weights = {};  // a loss wants some weight, and this one does not count
      if constexpr (HasSlots<M>)
        return model.slot_loss(own.X, targets, s);
      else
        return loss_of(own.X, targets);
    });
    grads_ = &slots_.grads();
    return loss;
  }

  LossAndGradients<T> loss_of(const TensorView<T>& X, const BatchTargets<T>& targets) {
    if constexpr (requires { model_.loss(X, targets); }) {
      return model_.loss(X, targets);
    } else {
      if (targets.labels.empty() || !targets.weights.empty())
        fail("Solver", "expected a model with loss(X, const BatchTargets&) for targets that are numbers or have ",
             "weights, got one with loss(X, labels) alone");
      return model_.loss(X, targets.labels);
    }
  }

  void draw_order(RandomState& random) {
    order_.resize(static_cast<std::size_t>(train_.size()));
    std::iota(order_.begin(), order_.end(), Index{0});
    random.shuffle(std::span<Index>(order_));
  }

  // Takes the next rows of the permutation and draws a new one when it is used up. A permutation has each example once.
  void take_rows_in_order(RandomState& random) {
    for (Index& row : rows_) {
      if (state_.order_size == 0 || state_.order_position == state_.order_size) {
        state_.order_random = random.state();
        draw_order(random);
        state_.order_size = train_.size();
        state_.order_position = 0;
      }
      row = order_[static_cast<std::size_t>(state_.order_position++)];
    }
  }

  UpdateFactors update_factors([[maybe_unused]] std::size_t parameter) const {
    if constexpr (requires { model_.update_factors(); }) {
      const auto& factors = model_.update_factors();
      if (factors.size() != layout_.size())
        fail("Solver", "expected update_factors() with one entry for each of ", layout_.size(), " parameters, got ",
             factors.size());
      return factors[parameter];
    }
    return {};
  }

  // The factor of gradient clipping. The squares are summed in double over fixed chunks, whatever the number of
  // threads.
  double gradient_scale() const {
    if (!options_.clip_norm) return 1;
    double squares = 0;
    for (std::size_t i = 0; const auto& [name, w] : std::as_const(model_).params()) {
      if (update_factors(i++).frozen) continue;
      const TensorView<T>& gradient = (*grads_)[name];
      squares += kernels::sum_of_squares(gradient.size(), gradient.data());
    }
    return clip_scale(squares, *options_.clip_norm);
  }

  void average() {
    Parameters<T>& params = model_.params();
    if (state_.average_params.size() == 0) {
      state_.average_params = params;
      detail::copy_out(buffers_, state_.average_buffers);
      return;
    }
    const auto t = static_cast<double>(++state_.averaged);
    const auto fresh = static_cast<T>(1 - std::min(options_.average_weights, (1 + t) / (10 + t)));
    const auto take_in = [fresh](const TensorView<T>& now, TensorView<T> average) {
      kernels::average_update(now.size(), average.data(), now.data(), fresh);
    };
    for (auto kept = state_.average_params.begin(); const auto& entry : params) take_in(entry.value, kept++->value);
    for (std::size_t i = 0; i < buffers_.size(); ++i) take_in(buffers_[i].value, state_.average_buffers[i]);
  }

  void swap_averages() {
    if (options_.average_weights == 0 || state_.average_params.size() == 0) return;
    check_model();
    if (!swapped_) list_buffers();
    for (auto kept = state_.average_params.begin(); auto& entry : model_.params()) {
      std::swap_ranges(entry.value.begin(), entry.value.end(), kept->value.begin());
      ++kept;
    }
    // If the buffers have changed in between, the parameters are back when this throws.
    if (std::exchange(swapped_, !swapped_)) list_buffers();
    for (std::size_t i = 0; i < buffers_.size(); ++i)
      std::swap_ranges(buffers_[i].value.begin(), buffers_[i].value.end(), state_.average_buffers[i].begin());
  }

  // A model may create or replace its buffers in any pass, so the views are only valid until the next pass.
  void list_buffers() {
    detail::list_buffers(model_, buffers_);
    if (state_.average_params.size() != 0) detail::check_unchanged(state_.average_buffers, buffers_);
  }

  M& model_;
  const Split& train_;
  const SolverOptions& options_;
  SolverState<T>& state_;
  ParameterLayout layout_;
  std::vector<Index> rows_, order_;
  std::vector<kernels::Move> moves_;
  std::vector<Batch> batches_;  // one a worker of the slots, one where there are none
  Slots<M> slots_;
  std::vector<Index> starts_;             // of the slots, and the mini-batch's end
  std::vector<double> shares_;            // of each slot in the loss
  const Parameters<T>* grads_ = nullptr;  // the model's, of the last loss()
  Updates<T> updates_;
  std::vector<NamedTensor<T>> buffers_;
  bool swapped_ = false;  // the averages are in the model, its own values in the state
};

}  // namespace lamina
