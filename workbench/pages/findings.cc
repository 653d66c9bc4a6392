#include "workbench/pages/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace lamina {
namespace {

// The thresholds; docs/diagnose.md explains them.
constexpr double kVanishing = 1e-4;       // |W| |dW| / loss
constexpr double kFirstLoss = 3;          // the first loss, in units of that of equal scores
constexpr double kExploded = 10;          // the growth of outputs from the first layer to the last
constexpr double kLossRise = 5;           // a later loss, in units of the first
constexpr double kLargeUpdate = 0.1;      // |update| / |W|
constexpr double kFatalUpdate = 0.5;      // |update| / |W|, in the first iterations
constexpr double kDead = 0.3;             // the fraction of a layer's units
constexpr double kAllDead = 0.9;          // the fraction of a layer's units above which hardly anything passes
constexpr double kByChance = 0.1;         // the probability that a living unit is 0 for a whole batch
constexpr double kMovedTooLittle = 0.01;  // |update| / |W|, of all updates together
constexpr Index kEnoughIterations = 100;

using Values = std::vector<double>;

double median(Values values) {
  if (values.empty()) return NAN;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string short_number(double value) {
  return value >= 100 && value < 1e5 ? fmt::format("{:.0f}", value) : fmt::format("{:.2g}", value);
}
/// An update relative to the weights: "0.03 of", "20 times".
std::string part_of(double ratio) { return short_number(ratio) + (ratio < 1 ? " of" : " times"); }
std::string whole_percent(double share) { return fmt::format("{:.0f}%", 100 * share); }

/// The measurements, and the questions that the rules ask of them.
class Run {
 public:
  Run(const Diagnostics& diagnostics, std::span<const double> given_losses)
      : layers(diagnostics.layers), all(diagnostics.measurements), losses(given_losses), given_(diagnostics) {}

  const std::vector<LayerInfo>& layers;
  const std::vector<Measurement>& all;
  std::span<const double> losses;

  double even_loss() const { return given_.even_loss; }
  double batch_size() const { return static_cast<double>(given_.batch_size); }

  /// The loss without its regularization term.
  double data_loss(const Measurement& m) const {
    double squares = 0;
    for (const LayerValues& layer : m.layers) squares += layer[Quantity::weight_norm] * layer[Quantity::weight_norm];
    return m.loss - 0.5 * given_.reg * squares;
  }
  /// An estimate of the largest relative change of the loss if the layer's weights change by 100%: |W| |dW| / loss.
  double pull(const Measurement& m, std::size_t layer) const {
    const LayerValues& values = m.layers[layer];
    return values[Quantity::weight_norm] * values[Quantity::gradient_norm] / data_loss(m);
  }
  /// Whether hardly anything passes some layer; the gradients of the other layers then have no meaning.
  bool blocked(const Measurement& m) const {
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i].relu && m.layers[i][Quantity::dead_share] >= kAllDead) return true;
    return false;
  }
  bool vanishes(const Measurement& m, std::size_t layer) const { return pull(m, layer) < kVanishing; }
  bool vanishes(const Measurement& m) const {
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (vanishes(m, i)) return true;
    return false;
  }
  /// Whether gradients vanish in at least half of the measurements for which can_tell() is true.
  bool mostly_vanish(std::span<const Measurement> measurements) const {
    Index looked = 0, gone = 0;
    for (const Measurement& m : measurements)
      if (can_tell(m)) ++looked, gone += vanishes(m);
    return looked > 0 && 2 * gone >= looked;
  }
  bool can_tell(const Measurement& m) const {
    // The first iteration is left out, since batch normalization corrects a small weight scale with the first update.
    return m.iteration >= 2 && std::isfinite(m.loss) && data_loss(m) > 1e-9 && !blocked(m);
  }
  std::span<const Measurement> early() const {
    const auto end = std::find_if(all.begin(), all.end(), [](const Measurement& m) { return m.iteration > 10; });
    return std::span(all).first(static_cast<std::size_t>(end - all.begin()));
  }
  /// The last quarter of the measurements, at least one.
  std::span<const Measurement> late() const {
    return std::span(all).subspan(std::min(all.size() - 1, all.size() - all.size() / 4));
  }
  double late_median(Quantity quantity, std::size_t layer) const {
    Values values;
    for (const Measurement& m : late())
      if (quantity != Quantity::update_ratio || m.updated) values.push_back(m.layers[layer][quantity]);
    return median(std::move(values));
  }
  /// The largest update of the first iterations, relative to the weights.
  double largest_early_update() const {
    double largest = 0;
    for (const Measurement& m : all)
      if (m.iteration <= 10 && m.updated)
        for (const LayerValues& layer : m.layers) largest = std::max(largest, layer[Quantity::update_ratio]);
    return largest;
  }

 private:
  const Diagnostics& given_;
};

bool outputs_are_finite(const LayerValues& layer) {
  return std::isfinite(layer[Quantity::output_mean]) && std::isfinite(layer[Quantity::output_std]);
}

void find_not_finite(const Run& run, std::vector<Finding>& found) {
  const Measurement& last = run.all.back();
  if (std::isfinite(last.loss)) return;
  std::string text = fmt::format("At iteration {} the loss is not finite", last.iteration);
  const auto first_layer = [&](const std::function<bool(const LayerValues&)>& bad) {
    const auto at = std::find_if(last.layers.begin(), last.layers.end(), bad);
    return at == last.layers.end() ? std::string()
                                   : run.layers[static_cast<std::size_t>(at - last.layers.begin())].name;
  };
  const std::string weights =
      first_layer([](const LayerValues& layer) { return !std::isfinite(layer[Quantity::weight_norm]); });
  const std::string outputs = first_layer([](const LayerValues& layer) { return !outputs_are_finite(layer); });
  if (!weights.empty())
    text += fmt::format(": the update before it left weights in {} that are not finite either.", weights);
  else if (!outputs.empty())
    text += fmt::format(": the first layer whose outputs are not finite is {}; all weights still are.", outputs);
  else
    text += fmt::format(": all weights and outputs still are, but the scores, with a deviation of {}, are too large.",
                        short_number(last.layers.back()[Quantity::output_std]));
  found.push_back({Finding::Kind::not_finite, std::move(text)});
}

/// How far outputs spread in the first layer and in the scores, before any update, as part of a sentence.
std::string outputs_of(const Run& run) {
  const auto deviation = [&](std::size_t i) { return short_number(run.all.front().layers[i][Quantity::output_std]); };
  return fmt::format("their standard deviation is {} after {} and {} after {}, the scores", deviation(0),
                     run.layers.front().name, deviation(run.layers.size() - 1), run.layers.back().name);
}

void find_exploding(const Run& run, std::vector<Finding>& found) {
  const Measurement& first = run.all.front();
  if (first.iteration != 1) return;
  const double loss = run.data_loss(first);
  // Where the targets are numbers, nothing says which loss is too large.
  if (std::isfinite(first.loss) && !(loss >= kFirstLoss * run.even_loss())) return;
  const double growth =
      first.layers.back()[Quantity::output_std] / std::max(1e-300, first.layers.front()[Quantity::output_std]);
  std::string text = fmt::format("The untrained net's outputs {}: its loss is {}",
                                 growth < kExploded ? "are too large" : "explode", short_number(first.loss));
  if (!std::isnan(run.even_loss())) text += fmt::format("; equal scores would give {:.2f}", run.even_loss());
  if (run.layers.size() > 1 && outputs_are_finite(first.layers.back()) && outputs_are_finite(first.layers.front()))
    text += "; " + outputs_of(run);
  text += ". A smaller weight scale helps, and so does a normalization.";
  found.push_back({Finding::Kind::exploding, std::move(text)});
}

/// "affine 1", "affine 1 and affine 2", "affine 1 to affine 5".
std::string names_of(const Run& run, const std::vector<std::size_t>& at) {
  const std::string &first = run.layers[at.front()].name, &last = run.layers[at.back()].name;
  if (at.size() == 1) return first;
  if (at.size() > 2 && at.back() - at.front() + 1 == at.size()) return first + " to " + last;
  std::string names = first;
  for (std::size_t k = 1; k < at.size(); ++k) names += (k + 1 == at.size() ? " and " : ", ") + run.layers[at[k]].name;
  return names;
}

void find_vanishing(const Run& run, std::vector<Finding>& found) {
  const bool at_start = run.mostly_vanish(run.early()), at_end = run.mostly_vanish(run.late());
  if (!at_start && !at_end) return;
  const Measurement* shown = nullptr;
  Index first_gone = 0, last_gone = 0;
  for (const Measurement& m : run.all) {
    if (!run.can_tell(m) || !run.vanishes(m)) continue;
    if (first_gone == 0) first_gone = m.iteration;
    last_gone = m.iteration;
    if (m.iteration <= 10 || !at_start) shown = &m;
  }
  std::vector<std::size_t> gone;
  double least = INFINITY, largest = 0;
  std::size_t strongest = 0;
  for (std::size_t i = 0; i < run.layers.size(); ++i) {
    const double norm = shown->layers[i][Quantity::gradient_norm];
    if (run.vanishes(*shown, i)) gone.push_back(i), least = std::min(least, norm);
    if (norm >= largest) largest = norm, strongest = i;
  }
  std::string text = fmt::format("Gradients vanish in {}: at iteration {} {} {}", names_of(run, gone), shown->iteration,
                                 gone.size() == 1 ? "the norm is" : "the smallest norm is", short_number(least));
  if (largest > 0 && least < 0.1 * largest)
    text += least > 0
                ? fmt::format(", {} times less than {}'s", short_number(largest / least), run.layers[strongest].name)
                : fmt::format(", where {}'s is {}", run.layers[strongest].name, short_number(largest));
  const Measurement& first = run.all.front();
  if (at_start && first.iteration == 1 && run.layers.size() > 2 &&
      first.layers.back()[Quantity::output_std] < 1e-3 * first.layers.front()[Quantity::output_std])
    text += "; the outputs shrink from layer to layer: before the first update " + outputs_of(run);
  if (at_start && !at_end && last_gone > 10)
    text += fmt::format(". This lasts until iteration {}", last_gone);
  else if (!at_start)
    text += fmt::format(". This begins at iteration {}", first_gone);
  text += ". A larger weight scale helps, and so does a normalization or a net of fewer layers.";
  found.push_back({Finding::Kind::vanishing, std::move(text)});
}

void find_rate_too_high(const Run& run, std::vector<Finding>& found) {
  const bool stopped = !std::isfinite(run.all.back().loss);
  const double first = run.losses.empty() ? NAN : run.losses.front();
  const auto top = std::max_element(run.losses.begin(), run.losses.end());
  const Index top_at = top - run.losses.begin() + 1;
  const bool rose = top != run.losses.end() && *top > kLossRise * std::max(first, run.even_loss());

  // The largest update up to the highest loss.
  double update = 0;
  Index update_at = 0;
  for (const Measurement& m : run.all)
    if (m.updated && (stopped || m.iteration < top_at))
      for (const LayerValues& layer : m.layers)
        if (layer[Quantity::update_ratio] > update) update = layer[Quantity::update_ratio], update_at = m.iteration;
  if (update >= kLargeUpdate && ((rose && top_at > 1) || (stopped && !run.losses.empty()))) {
    std::string text = fmt::format("The learning rate is too high: at iteration {} an update was {} the weights, and ",
                                   update_at, part_of(update));
    if (rose && top_at > 1)
      text +=
          fmt::format("the loss rose from {} to {} at iteration {}.", short_number(first), short_number(*top), top_at);
    else
      text += fmt::format("the loss was not finite at iteration {}.", run.all.back().iteration);
    text += " An update of about 0.001 of the weights is usual.";
    found.push_back({Finding::Kind::rate_too_high, std::move(text)});
    return;
  }
  std::size_t worst = 0;
  double largest = 0;
  for (std::size_t i = 0; i < run.layers.size(); ++i)
    if (const double ratio = run.late_median(Quantity::update_ratio, i); ratio > largest) largest = ratio, worst = i;
  if (largest < kLargeUpdate || run.all.back().iteration < kEnoughIterations) return;
  found.push_back({Finding::Kind::rate_too_high,
                   fmt::format("The learning rate is too high: {}'s updates are still {} its weights at the end; "
                               "about 0.001 is usual.",
                               run.layers[worst].name, part_of(largest))});
}

void find_dead(const Run& run, std::vector<Finding>& found) {
  std::vector<std::string> layers;
  bool blocked = false;
  Index since = 0;  // the iteration since which the first of them is dead
  for (std::size_t i = 0; i < run.layers.size(); ++i) {
    if (!run.layers[i].relu) continue;
    const double dead = run.late_median(Quantity::dead_share, i);
    if (!(dead >= kDead)) continue;
    // If the zeros of the living units were spread evenly over the images, how likely would one of them be 0 for a
    // whole batch?
    const double alive_zeros = (run.late_median(Quantity::zero_share, i) - dead) / std::max(1 - dead, 1e-9);
    if (dead < 0.99 && std::pow(std::max(alive_zeros, 0.0), run.batch_size()) > kByChance) continue;
    Index from = 0;
    for (const Measurement& m : run.all)
      if (m.layers[i][Quantity::dead_share] < kDead)
        from = 0;
      else if (from == 0)
        from = m.iteration;
    if (from > 0 && (since == 0 || from < since)) since = from;
    blocked = blocked || dead >= kAllDead;
    layers.push_back(fmt::format("{} of {}", dead > 0.995 ? "all" : whole_percent(dead), run.layers[i].name));
  }
  if (layers.empty()) return;
  std::string text = "Dead ReLUs, 0 for every image of a batch: ";
  for (std::size_t k = 0; k < layers.size(); ++k)
    text += (k == 0 ? "" : k + 1 == layers.size() ? " and " : ", ") + layers[k];
  if (since > 1) text += fmt::format(", since iteration {}", since);
  text += blocked ? ". Hardly any information gets past them, and no gradient back." : ". They learn nothing.";
  const auto known = [&found](Finding::Kind kind) {
    return std::any_of(found.begin(), found.end(), [kind](const Finding& finding) { return finding.kind == kind; });
  };
  const double update = run.largest_early_update();
  if (known(Finding::Kind::vanishing))
    text += " If gradients vanish, only the biases learn, which can be the cause.";
  else if (update >= kFatalUpdate && !known(Finding::Kind::rate_too_high))
    text += fmt::format(" The first updates were up to {} the weights: a lower learning rate usually helps.",
                        part_of(update));
  else
    text += " A lower learning rate or a normalization usually helps.";
  found.push_back({Finding::Kind::dead, std::move(text)});
}

/// All updates of a layer together, relative to its weights. Each measurement represents the iterations since the last.
double moved(const Run& run, std::size_t layer) {
  double sum = 0;
  Index before = 0;
  for (const Measurement& m : run.all) {
    if (m.updated) sum += m.layers[layer][Quantity::update_ratio] * static_cast<double>(m.iteration - before);
    before = m.iteration;
  }
  return sum;
}

void find_rate_too_low(const Run& run, std::vector<Finding>& found) {
  if (run.all.back().iteration < kEnoughIterations) return;
  double most = 0;
  for (std::size_t i = 0; i < run.layers.size(); ++i) most = std::max(most, moved(run, i));
  if (most >= kMovedTooLittle) return;
  found.push_back({Finding::Kind::rate_too_low,
                   fmt::format("The learning rate is too low: in {} iterations no layer's weights have moved by more "
                               "than {} of themselves.",
                               run.all.back().iteration, short_number(most))});
}

Finding nothing_found(const Run& run) {
  double least = INFINITY, most = 0, dead = 0, small = INFINITY, large = 0;
  bool relus = false;
  for (std::size_t i = 0; i < run.layers.size(); ++i) {
    const double gradient = run.late_median(Quantity::gradient_norm, i);
    const double ratio = run.late_median(Quantity::update_ratio, i);
    least = std::min(least, gradient), most = std::max(most, gradient);
    small = std::min(small, ratio), large = std::max(large, ratio);
    if (!run.layers[i].relu) continue;
    relus = true;
    dead = std::max(dead, run.late_median(Quantity::dead_share, i));
  }
  const Index last = run.all.back().iteration;
  const bool told = last >= kEnoughIterations;
  std::string text = told ? "Nothing is wrong: "
                          : fmt::format(
                                "Too short to tell: the last measurement is of iteration {}, and whether the "
                                "learning rate fits can be judged from {} on. So far ",
                                last, kEnoughIterations);
  if (run.layers.size() > 1)
    text += fmt::format("gradients reach every layer (norms of {} to {}), ", short_number(least), short_number(most));
  text += fmt::format("an update is {} to {} a layer's weights", short_number(small), part_of(large));
  if (large >= kLargeUpdate) text += ", where about 0.001 is usual later";
  if (relus && dead < 0.005)
    text += ", and no ReLU is dead";
  else if (relus)
    text += fmt::format(", and no layer has more than {} dead ReLUs", whole_percent(dead));
  return {told ? Finding::Kind::well : Finding::Kind::too_short, text + "."};
}

}  // namespace

std::vector<Finding> findings(const Diagnostics& diagnostics, std::span<const double> losses) {
  std::vector<Finding> found;
  if (diagnostics.measurements.empty() || diagnostics.layers.empty()) return found;
  const Run run(diagnostics, losses);
  find_not_finite(run, found);
  find_exploding(run, found);
  find_vanishing(run, found);
  find_rate_too_high(run, found);
  find_dead(run, found);
  if (found.empty()) find_rate_too_low(run, found);
  if (found.empty()) found.push_back(nothing_found(run));
  return found;
}

}  // namespace lamina
