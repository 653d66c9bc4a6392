#include "workbench/search/search_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "lamina/io/atomic_file.h"
#include "lamina/version.h"
#include "workbench/pages/page_text.h"
#include "workbench/pages/report_parts.h"

namespace lamina {
namespace {

constexpr const char* kStyle = R"(
.chart .dot[data-key]{cursor:pointer}
.chart .dot.on{fill-opacity:1;stroke:var(--ink);stroke-width:3}
tr.on,p.on{background:var(--panel)}
tr.best td{font-weight:600}
.trials th,.trials td{white-space:nowrap}
)";

/// Highlights a trial everywhere: its dots in all figures and its row in the table.
constexpr const char* kScript = R"(
const nodes = key => document.querySelectorAll(`[data-key="${key}"]`);
let shown = null;
const point = key => {
  if (key === shown) return;
  if (shown !== null) for (const node of nodes(shown)) node.classList.remove('on');
  if (key !== null) for (const node of nodes(key)) {
    node.classList.add('on');
    if (node.tagName === 'path') node.parentNode.append(node);
  }
  shown = key;
};
const keyOf = event => event.target.closest('[data-key]')?.dataset.key ?? null;
document.addEventListener('pointerover', event => point(keyOf(event)));
document.addEventListener('focusin', event => point(keyOf(event)));
document.addEventListener('click', event => {
  const dot = event.target.closest('path[data-key]');
  if (dot) document.querySelector(`tr[data-key="${dot.dataset.key}"]`).scrollIntoView({block: 'center'});
});
)";

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

std::string time_text(double seconds) {
  if (seconds < 100) return fmt::format("{:.{}f} s", seconds, seconds < 10 ? 2 : 1);
  const auto whole = static_cast<Index>(std::lround(seconds));
  return whole < 3600 ? fmt::format("{} min {} s", whole / 60, whole % 60)
                      : fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

Index count_of(const SearchResult& result, TrialStatus status) {
  return std::count(result.status.begin(), result.status.end(), status);
}

std::string values_text(const SearchPlan& plan, const SearchTrial& trial) {
  std::string text;
  for (std::size_t k = 0; k < plan.ranges.size(); ++k)
    text += (k > 0 ? ", " : "") + plan.ranges[k].flag() + " " + trial.values[k];
  return text;
}

void add_lead(std::string& page, const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
              const SearchResult& result) {
  const auto out = std::back_inserter(page);
  fmt::format_to(out, "<p>{} of {} on {}, drawn from seed {}.</p>\n",
                 several(static_cast<Index>(trials.size()), "trial", "trials"),
                 escape_html(trials.front().config.net.model), escape_html(data.name), plan.seed);
  const Index best = result.best();
  if (best < 0) {
    page += "<p class=\"warn\">No trial has come to a result.</p>\n";
  } else {
    const Score score = score_of(trials);
    const std::string found = score_text(score, result.states[at(best)].best_val_acc), of = counted(data.val.size());
    const std::string sentence =
        score == Score::accuracy
            ? fmt::format("<strong>{}</strong> of {} validation images right", found, of)
            : fmt::format("{} of <strong>{}</strong> on {} validation examples", with_article(score), found, of);
    fmt::format_to(out, "<p class=\"result\">Trial {} is the best: {}, with {}.</p>\n", best + 1, sentence,
                   escape_html(values_text(plan, trials[at(best)])));
    if (const std::string& net = trials[at(best)].config.net.net; !net.empty())
      fmt::format_to(out, "<pre tabindex=\"0\"><code>{}</code></pre>\n", escape_html(net));
  }
  if (!result.finished) page += "<p class=\"warn\">The search has not ended yet.</p>\n";
  double seconds = 0;
  for (const TrialState& state : result.states) seconds += state.seconds;
  page += "<dl class=\"tiles\">\n";
  const auto tile = [&](std::string_view name, const std::string& value) {
    fmt::format_to(out, "<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
  };
  if (best >= 0)
    tile(fmt::format("Best validation {}", name_of(score_of(trials))),
         score_text(score_of(trials), result.states[at(best)].best_val_acc));
  tile("Trained to the end", std::to_string(count_of(result, TrialStatus::finished)));
  tile("Stopped early", std::to_string(count_of(result, TrialStatus::stopped)));
  tile("Failed", std::to_string(count_of(result, TrialStatus::failed)));
  tile("Training steps, all trials", time_text(seconds));
  page += "</dl>\n";
}

void add_table(std::string& page, const SearchPlan& plan, const std::vector<SearchTrial>& trials,
               const SearchResult& result) {
  const auto out = std::back_inserter(page);
  page +=
      "<section><h2>All trials</h2>\n<div class=\"scroll\" tabindex=\"0\"><table class=\"trials\"><thead><tr>"
      "<th class=\"n\" scope=\"col\">Trial</th><th class=\"n\" scope=\"col\">Validation</th><th class=\"n\" "
      "scope=\"col\">Training</th><th class=\"n\" scope=\"col\">Loss</th><th class=\"n\" scope=\"col\">Epochs</th>"
      "<th scope=\"col\">End</th>";
  for (const Range& range : plan.ranges) fmt::format_to(out, "<th scope=\"col\">{}</th>", escape_html(range.flag()));
  page += "<th class=\"n\" scope=\"col\">Parameters</th><th class=\"n\" scope=\"col\">Time</th></tr></thead><tbody>\n";
  std::vector<Index> order = result.ranking();
  for (const TrialStatus status : {TrialStatus::failed, TrialStatus::waiting})
    for (std::size_t i = 0; i < trials.size(); ++i)
      if (result.status[i] == status) order.push_back(static_cast<Index>(i));
  for (const Index i : order) {
    const TrialState& state = result.states[at(i)];
    const bool begun = !state.val_acc.empty();
    fmt::format_to(out, "<tr tabindex=\"0\" data-key=\"{}\"{}><td class=\"n\">{}</td>", i + 1,
                   i == result.best() ? " class=\"best\"" : "", i + 1);
    fmt::format_to(out, "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
                   begun ? score_text(score_of(trials), state.best_val_acc) : "",
                   begun ? score_text(score_of(trials), state.train_acc) : "",
                   begun ? fmt::format("{:.4g}", state.loss) : "", state.epochs);
    fmt::format_to(out, "<td>{}</td>", name_of(result.status[at(i)]));
    for (const std::string& value : trials[at(i)].values)
      fmt::format_to(out, "<td><code>{}</code></td>", escape_html(value));
    fmt::format_to(out, "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                   state.parameters > 0 ? counted(state.parameters) : "", time_text(state.seconds));
  }
  page += "</tbody></table></div>\n";
  for (const Index i : order)
    if (result.status[at(i)] == TrialStatus::failed)
      fmt::format_to(out, "<p data-key=\"{}\">Trial {} failed: {}</p>\n", i + 1, i + 1,
                     escape_html(result.states[at(i)].error));
  page += "</section>\n";
}

void add_rungs(std::string& page, const SearchPlan& plan, Score score, const SearchResult& result) {
  if (result.rungs.size() < 2) return;
  const auto out = std::back_inserter(page);
  fmt::format_to(out,
                 "<section><h2>Who went on</h2>\n<p>After each rung the best 1 in {} by validation {} went on "
                 "(successive halving); the others were stopped.</p>\n<div class=\"scroll\"><table><thead><tr>"
                 "<th class=\"n\" scope=\"col\">Rung</th><th class=\"n\" scope=\"col\">Trials</th>"
                 "<th class=\"n\" scope=\"col\">Epochs</th></tr></thead><tbody>\n",
                 plan.halving, name_of(score));
  for (std::size_t k = 0; k < result.rungs.size(); ++k)
    fmt::format_to(out, "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n", k + 1,
                   result.rungs[k].members, result.rungs[k].epochs);
  page += "</tbody></table></div></section>\n";
}

void add_commands(std::string& page, const std::vector<SearchTrial>& trials, const SearchResult& result,
                  const Dataset& data, const std::string& directory) {
  const Index best = result.best();
  if (best < 0) return;
  const auto command = [&](std::string_view what, const std::string& line) {
    page += fmt::format("<p>{}</p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n", what, escape_html(line));
  };
  page += "<section><h2>Go on</h2>\n";
  if (!result.finished) command("The rest of the search:", "lamina search --resume " + directory);
  const bool has_test = data.test.size() > 0;
  command(has_test ? "The best net on the test images, class by class:"
                   : "The best net on the validation images, class by class:",
          "lamina eval " + directory + "/best --split " + (has_test ? "test" : "val"));
  command("The same training once more:", trials[at(best)].command);
  page += "</section>\n";
}

void add_settings(std::string& page, const SearchPlan& plan) {
  page += "<section><h2>Settings</h2>\n<div class=\"scroll\"><table><tbody>\n";
  for (const Range& range : plan.ranges)
    page += fmt::format("<tr><th scope=\"row\">{}</th><td><code>{}</code></td></tr>\n", escape_html(range.flag()),
                        escape_html(range.text()));
  for (const auto& [flag, value] : plan.flags)
    page += fmt::format("<tr><th scope=\"row\">{}</th><td><code>{}</code></td></tr>\n", escape_html(flag),
                        escape_html(value));
  page += "</tbody></table></div></section>\n";
}

}  // namespace

Figure range_figure(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result,
                    std::size_t k) {
  const Range& range = plan.ranges[k];
  Figure figure;
  const Score score = score_of(trials);
  figure.title = score_title(score) + " against " + range.flag();
  figure.x_label = range.flag();
  figure.y_label = fmt::format("best validation {}", name_of(score));
  figure.percent = score == Score::accuracy;
  figure.log_x = range.is_log();
  figure.x_names = range.names();
  Series stopped, finished;
  for (Series* s : {&stopped, &finished}) {
    s->line = false;
    s->dots = true;
  }
  stopped.name = "stopped early";
  stopped.colour = 4;
  finished.colour = 0;
  finished.name = plan.halving > 1 ? "trained to the end" : "";
  const auto place = [&](Index trial) {
    const double x = range.place(trials[at(trial)].values[k]);
    // Spread trials with the same name horizontally.
    return figure.x_names.empty() ? x : x + 0.5 * (std::fmod(static_cast<double>(trial) * 0.618034, 1.0) - 0.5);
  };
  for (const Index trial : result.ranking()) {
    Series& s = result.status[at(trial)] == TrialStatus::finished ? finished : stopped;
    s.x.push_back(place(trial));
    s.y.push_back(result.states[at(trial)].best_val_acc);
    s.keys.push_back(trial + 1);
    s.titles.push_back(fmt::format("Trial {}: {}, epochs {}\n{}", trial + 1,
                                   score_text(score, result.states[at(trial)].best_val_acc),
                                   result.states[at(trial)].epochs, values_text(plan, trials[at(trial)])));
  }
  if (const Index best = result.best(); best >= 0)
    figure.marks.push_back(
        {place(best), result.states[at(best)].best_val_acc,
         fmt::format("trial {}: {}", best + 1, score_text(score, result.states[at(best)].best_val_acc))});
  if (!stopped.x.empty()) figure.series.push_back(std::move(stopped));
  figure.series.push_back(std::move(finished));
  return figure;
}

Figure learning_figure(Score score, const SearchResult& result) {
  Figure figure;
  figure.title = "How the trials learned";
  figure.x_label = "epoch";
  figure.y_label = fmt::format("validation {}", name_of(score));
  figure.smooth = false;
  figure.percent = score == Score::accuracy;
  const Index best = result.best();
  for (const Index trial : result.ranking()) {
    Series s;
    s.y = result.states[at(trial)].val_acc;
    for (std::size_t i = 0; i < s.y.size(); ++i) s.x.push_back(static_cast<double>(i + 1));
    s.faint = trial != best;
    s.colour = trial == best ? 0 : 4;
    s.dots = s.y.size() == 1;
    s.name = fmt::format("trial {}", trial + 1);
    s.listed = false;
    figure.series.push_back(std::move(s));
  }
  return figure;
}

std::string search_html(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
                        const SearchResult& result, const std::string& directory) {
  const std::string title = escape_html("Search: " + trials.front().config.net.model + " on " + data.name);
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n<title>" +
      title + "</title>\n<style>\n" + figure_style() + detail::kReportStyle + kStyle +
      "</style>\n</head>\n<body>\n<header>\n<h1>" + title + "</h1>\n";
  add_lead(page, plan, trials, data, result);
  page += "</header>\n<main>\n<section><h2>" + score_title(score_of(trials)) +
          " against each setting</h2>\n<div class=\"charts wide\">\n";
  for (std::size_t k = 0; k < plan.ranges.size(); ++k) page += figure_html(range_figure(plan, trials, result, k));
  page += figure_html(learning_figure(score_of(trials), result)) + "</div>\n" + detail::kFigureHint +
          "<p class=\"hint\">Point at a trial, in a figure or in the table, and it stands out "
          "everywhere.</p></section>\n";
  add_table(page, plan, trials, result);
  add_rungs(page, plan, score_of(trials), result);
  add_commands(page, trials, result, data, directory);
  add_settings(page, plan);
  return page + "</main>\n<footer>Written by lamina " LAMINA_VERSION ".</footer>\n<script>" + figure_script() +
         kScript + "</script>\n</body>\n</html>\n";
}

void write_search_pages(const std::filesystem::path& directory, const SearchPlan& plan,
                        const std::vector<SearchTrial>& trials, const Dataset& data, const SearchResult& result) {
  for (std::size_t k = 0; k < plan.ranges.size(); ++k)
    write_file_atomically(directory / (plan.ranges[k].flag() + ".svg"), to_svg(range_figure(plan, trials, result, k)));
  write_file_atomically(directory / "report.html", search_html(plan, trials, data, result, directory.string()));
}

}  // namespace lamina
