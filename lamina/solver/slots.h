// Slots: the parts of a mini-batch, each of which is a forward and a backward pass of its own. Whoever computes which
// slot, the result has the same bits, as their losses and gradients are added up along one tree.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/parallel.h"
#include "lamina/nets/net.h"
#include "lamina/parameters.h"
#include "lamina/random.h"
#include "lamina/solver/buffers.h"
#include "lamina/tensor.h"
#include "lamina/threads.h"

namespace lamina {

/// A model that draws for all slots of a mini-batch before the first one's pass, and regularizes once, after the last.
/// Other models may be computed in slots too: each then draws what it draws in its own pass.
template <class M>
concept HasSlots = requires(M& model, const TensorView<typename M::Scalar>& X,
                            const BatchTargets<typename M::Scalar>& targets, std::span<const Index> starts) {
  requires std::same_as<typename M::LossOf, M>;
  model.draw_slots(starts, model.random());
  { model.slot_loss(X, targets, std::size_t{0}) } -> std::convertible_to<LossAndGradients<typename M::Scalar>>;
  { model.add_regularization() } -> std::convertible_to<double>;
};

namespace detail {

/// The loss of some slots together. It, the gradients and the buffers are still to be multiplied by `factor`.
struct SlotPart {
  double loss = 0, factor = 1;
};

/// The sums of consecutive slots that one model computes.
template <Model M>
class SlotSums {
 public:
  using T = typename M::Scalar;

  using Part = SlotPart;

  /// The model must outlive it.
  explicit SlotSums(M& model) : model_(model) {}

  M& model() { return model_; }
  /// Where the sum of the gradients is: in the model, if it lets them be changed by a function grads().
  Parameters<T>& grads() {
    if constexpr (requires {
                    { model_.grads() } -> std::same_as<Parameters<T>&>;
                  })
      return model_.grads();
    else
      return own_;
  }

  /// To be called before the first slot of a mini-batch: each of them begins with the buffers that the model has now.
  void begin() {
    list_buffers(model_, buffers_);
    copy_out(buffers_, before_);
  }
  /// Leaves the sum of the slots first .. last - 1 in grads() and in the model's buffers. Calls pass(model, s) for slot
  /// s, the last one first.
  template <class Pass>
  Part add_up(std::span<const double> shares, std::size_t first, std::size_t last, Pass& pass, std::size_t depth = 0) {
    if (last - first == 1) return {run(first, pass), shares[first]};
    const std::size_t middle = middle_of(first, last);
    const Part right = add_up(shares, middle, last, pass, depth + 1);
    if (kept_.size() <= depth) kept_.resize(depth + 1);
    keep(right, kept_[depth]);
    Part left = add_up(shares, first, middle, pass, depth + 1);
    const Kept& kept = kept_[depth];
    add(left, right.factor * right.loss, kept.grads, kept.buffers);
    return left;
  }
  /// Adds the sum of the slots that follow, which another model has computed.
  template <class N>
  void add(Part& part, const Part& right, SlotSums<N>& other) {
    other.multiply(static_cast<T>(right.factor));
    add(part, right.factor * right.loss, other.grads(), other.buffers_);
  }

  /// Where the tree cuts a range of slots: the right part has the largest 2^k that is less than the range's length.
  static std::size_t middle_of(std::size_t first, std::size_t last) { return last - std::bit_floor(last - first - 1); }

 private:
  template <Model N>
  friend class SlotSums;

  // A sum that waits for the slots before it.
  struct Kept {
    Parameters<T> grads;
    std::vector<Tensor<T>> buffers;
  };

  template <class Pass>
  double run(std::size_t slot, Pass& pass) {
    list_buffers(model_, buffers_);
    copy_back(before_, buffers_);
    const LossAndGradients<T> result = pass(model_, slot);
    if (&result.grads != &grads()) own_ = result.grads;
    list_buffers(model_, buffers_);
    check_unchanged(before_, buffers_);
    return result.loss;
  }

  void keep(const Part& part, Kept& kept) {
    const auto factor = static_cast<T>(part.factor);
    if (kept.grads.size() != grads().size()) kept.grads = Parameters<T>(grads().layout());
    for (auto to = kept.grads.begin(); const auto& [name, g] : grads())
      kernels::scale(g.size(), factor, g.data(), (to++)->value.data());
    kept.buffers.resize(buffers_.size());
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      kept.buffers[i].resize(buffers_[i].value.shape());
      kernels::scale(kept.buffers[i].size(), factor, buffers_[i].value.data(), kept.buffers[i].data());
    }
  }

  void multiply(T factor) {
    if (factor == 1) return;
    for (auto& [name, g] : grads()) kernels::scale(g.size(), factor, g.data(), g.data());
    for (auto& [name, value] : buffers_) kernels::scale(value.size(), factor, value.data(), value.data());
  }

  static const Tensor<T>& values_of(const Tensor<T>& buffer) { return buffer; }
  static const TensorView<T>& values_of(const NamedTensor<T>& buffer) { return buffer.value; }
  template <class Buffers>
  void add(Part& part, double loss, const Parameters<T>& other, const Buffers& buffers) {
    const auto factor = static_cast<T>(part.factor);
    for (auto from = other.begin(); auto& [name, g] : grads())
      kernels::scale_add(g.size(), factor, (from++)->value.data(), g.data());
    for (std::size_t i = 0; i < buffers_.size(); ++i)
      kernels::scale_add(buffers_[i].value.size(), factor, values_of(buffers[i]).data(), buffers_[i].value.data());
    part = {part.factor * part.loss + loss, 1};
  }

  M& model_;
  Parameters<T> own_;
  std::vector<Kept> kept_;
  std::vector<NamedTensor<T>> buffers_;
  std::vector<Tensor<T>> before_;  // the buffers before the first slot
};

}  // namespace detail

/// Adds up what the slots of a mini-batch give: the loss and the gradients, multiplied by each slot's share of the
/// batch, and the model's buffers, so that a running average makes one step a batch, from the mean of the slots'
/// statistics.
///
/// The sum over slots first .. last - 1 is that over the last 2^k of them, for the largest 2^k below their number, plus
/// that over the others. Sums that are kept meanwhile take the memory of log2(slots) gradients.
///
/// Slots are computed one after the other, each on all threads. Where threads have little to do in each, slots are
/// computed side by side instead, one thread each, in twins of the net: the first steps measure which is faster.
template <Model M>
class Slots {
 public:
  using T = typename M::Scalar;

  /// The model must outlive it.
  explicit Slots(M& model) : main_(model) {}

  /// Calls pass(worker, model, s), which returns the loss and gradients of slot s, for each slot; workers are counted
  /// from 0. Slot s has the examples from starts[s] up to starts[s + 1]. Returns the loss; grads() has the gradients.
  /// The model is left as slot 0's pass left it, except for its gradients and buffers.
  template <class Pass>
  double loss(std::span<const Index> starts, std::span<const double> shares, Pass&& pass) {
    main_.begin();
    const auto start = std::chrono::steady_clock::now();
    const bool side_by_side = runs_side_by_side(starts);
    double loss = side_by_side ? by_twins(starts, shares, pass) : one_by_one(starts, shares, pass);
    note(side_by_side, std::chrono::steady_clock::now() - start);
    if constexpr (HasSlots<M>) loss += main_.model().add_regularization();
    return loss;
  }

  /// The gradients of the last loss().
  const Parameters<T>& grads() { return main_.grads(); }

 private:
  static constexpr bool kHasTwins = HasSlots<M> && requires(M & model) { model.twin(); };
  static auto twin_of(M& model) {
    if constexpr (kHasTwins)
      return model.twin();
    else
      return std::unique_ptr<M>();
  }
  using Twin = typename decltype(twin_of(std::declval<M&>()))::element_type;
  struct Worker {
    std::unique_ptr<Twin> net;
    detail::SlotSums<Twin> sums;
    explicit Worker(std::unique_ptr<Twin> twin) : net(std::move(twin)), sums(*net) {}
  };
  // A range of slots that one worker computes.
  struct Job {
    std::size_t first, last;
    detail::SlotPart part = {};
    std::exception_ptr error = {};
  };

  template <class Pass>
  double one_by_one(std::span<const Index> starts, std::span<const double> shares, Pass& pass) {
    if constexpr (HasSlots<M>) main_.model().draw_slots(starts, main_.model().random());
    const auto alone = [&pass](M& model, std::size_t slot) { return pass(std::size_t{0}, model, slot); };
    return main_.add_up(shares, 0, shares.size(), alone).loss;
  }

  template <class Pass>
  double by_twins(std::span<const Index> starts, std::span<const double> shares, Pass& pass) {
    if constexpr (kHasTwins) {
      jobs_.clear();
      assign(0, shares.size(), workers_);
      if (!twins_.empty() && !twins_.front()->net->is_twin_of(main_.model())) twins_.clear();
      while (twins_.size() + 1 < jobs_.size()) twins_.push_back(std::make_unique<Worker>(twin_of(main_.model())));
      for (std::size_t i = 1; i < jobs_.size(); ++i) twins_[i - 1]->net->follow(main_.model());
      const RandomState before = main_.model().random();
      kernels::parallel_for(static_cast<Index>(jobs_.size()), [&](Index at) {
        const auto i = static_cast<std::size_t>(at);
        try {
          const Alone alone;
          if (i == 0) {
            main_.model().draw_slots(starts, main_.model().random());
            run(main_, jobs_[0], i, shares, pass);
            return;
          }
          Worker& worker = *twins_[i - 1];
          RandomState random = before;
          worker.net->draw_slots(starts, random);
          worker.sums.begin();
          run(worker.sums, jobs_[i], i, shares, pass);
        } catch (...) {
          jobs_[i].error = std::current_exception();
        }
      });
      for (const Job& job : jobs_)
        if (job.error) std::rethrow_exception(job.error);
      combine(0, shares.size(), workers_);
      return jobs_[0].part.loss;
    } else {
      return 0;
    }
  }

  template <class N, class Pass>
  void run(detail::SlotSums<N>& sums, Job& job, std::size_t worker, std::span<const double> shares, Pass& pass) {
    const auto own = [&pass, worker](N& model, std::size_t slot) { return pass(worker, model, slot); };
    job.part = sums.add_up(shares, job.first, job.last, own);
  }

  // Cuts a range of slots into one job a worker, along the tree; the first job has slot 0.
  void assign(std::size_t first, std::size_t last, std::size_t workers) {
    if (workers == 1 || last - first == 1) return jobs_.push_back({first, last});
    const std::size_t middle = detail::SlotSums<M>::middle_of(first, last);
    assign(first, middle, workers / 2);
    assign(middle, last, workers / 2);
  }
  // Adds the jobs' sums up along the tree, and returns the job that then has the sum of the range.
  std::size_t combine(std::size_t first, std::size_t last, std::size_t workers) {
    if (workers == 1 || last - first == 1)
      return static_cast<std::size_t>(
          std::find_if(jobs_.begin(), jobs_.end(), [first](const Job& job) { return job.first == first; }) -
          jobs_.begin());
    const std::size_t middle = detail::SlotSums<M>::middle_of(first, last);
    const std::size_t right = combine(middle, last, workers / 2), left = combine(first, middle, workers / 2);
    detail::SlotSums<Twin>& others = twins_[right - 1]->sums;
    if (left == 0)
      main_.add(jobs_[0].part, jobs_[right].part, others);
    else
      twins_[left - 1]->sums.add(jobs_[left].part, jobs_[right].part, others);
    return left;
  }

  // Whether to compute this mini-batch side by side.
  bool runs_side_by_side(std::span<const Index> starts) {
    if constexpr (kHasTwins) {
      const std::size_t slots = starts.size() - 1;
      const std::size_t workers =
          works_alone() ? 1 : std::bit_floor(std::min(static_cast<std::size_t>(used_threads()), slots));
      if (workers != workers_ || slots != slots_ || starts.back() != batch_) {
        workers_ = workers, slots_ = slots, batch_ = starts.back();
        tried_ = 0;
        best_[0] = best_[1] = Duration::max();
        // Twins take the memory of as many slots, which many slots are there to save.
        constexpr double kMostBytes = 32e6;
        small_ =
            static_cast<double>(main_.model().summary().activation_count()) * static_cast<double>(batch_) * sizeof(T) <=
            kMostBytes;
      }
      if (workers < 2 || !small_) return false;
      return tried_ < kTries ? tried_ % 2 == 1 : best_[1] < best_[0];
    } else {
      return false;
    }
  }
  void note(bool side_by_side, std::chrono::steady_clock::duration time) {
    if (tried_ >= kTries) return;
    ++tried_;
    Duration& best = best_[side_by_side ? 1 : 0];
    if (tried_ > 2) best = std::min(best, time);  // the first of each allocates memory
  }

  using Duration = std::chrono::steady_clock::duration;
  static constexpr int kTries = 10;  // steps that are measured, every other one side by side

  detail::SlotSums<M> main_;
  std::vector<std::unique_ptr<Worker>> twins_;
  std::vector<Job> jobs_;
  std::size_t workers_ = 0, slots_ = 0;
  Index batch_ = 0;
  bool small_ = false;
  int tried_ = 0;
  Duration best_[2] = {};  // one by one, side by side
};

}  // namespace lamina
