#include "workbench/pages/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "datasets/images.h"
#include "lamina/io/atomic_file.h"
#include "lamina/version.h"
#include "workbench/pages/figures.h"
#include "workbench/pages/findings.h"
#include "workbench/pages/page_text.h"
#include "workbench/pages/report_parts.h"

namespace lamina {
namespace {

using nlohmann::ordered_json;

std::string quantity(double n, std::string_view unit) {
  constexpr std::string_view kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  std::size_t k = 0;
  for (; n >= 1000 && k < 5; ++k) n /= 1000;
  return fmt::format("{:.{}f} {}{}", n, n < 10 && k > 0 ? 2 : n < 100 && k > 0 ? 1 : 0, kPrefixes[k], unit);
}

// The text quoted for a shell, if the shell would otherwise split or expand it.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@%";
  if (!text.empty() && text[0] != '-' && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = text.starts_with('-') ? "'./" : "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string best_sentence(const ReportInput& input) {
  const Score score = input.record.score;
  const std::string best = score_text(score, input.record.history.best_val_acc);
  const std::string count = input.num_val > 0 ? counted(input.num_val) + " " : "";
  const auto of_test = [&](const char* which) {
    if (!input.test_acc) return std::string();
    return fmt::format(", and <strong>{}</strong> {} the test {}s", score_text(score, *input.test_acc), which,
                       noun_of(input.example));
  };
  const std::string noun = noun_of(input.example);
  if (score == Score::accuracy)
    return fmt::format(" the net's best parameters classify <strong>{}</strong> of the {}validation {}s right{}.", best,
                       count, noun, of_test("of"));
  return fmt::format(" the net's best parameters reach {} of <strong>{}</strong> on the {}validation {}s{}.",
                     with_article(score), best, count, noun, of_test("on"));
}

std::string result_sentence(const ReportInput& input, double epochs) {
  const RunRecord& record = input.record;
  const auto iterations = static_cast<Index>(record.history.loss_history.size());
  if (iterations == 0) return "No step has been trained yet.";
  std::string text = "After ";
  const bool whole = epochs == std::floor(epochs);
  text += whole ? several(static_cast<Index>(epochs), "epoch", "epochs") : fmt::format("{:.1f} epochs", epochs);
  if (input.num_epochs > 0 && epochs < static_cast<double>(input.num_epochs))
    text += fmt::format(" of {}", counted(input.num_epochs));
  text += fmt::format(" ({})", several(iterations, "iteration", "iterations"));
  if (!record.history.val_acc_history.empty()) {
    text += best_sentence(input);
  } else {
    text += fmt::format(" no {} was checked.", name_of(record.score));
  }
  if (input.patience)
    text += fmt::format(" The run ended early, as {} brought no better validation {}.",
                        several(*input.patience, "accuracy check", "accuracy checks in a row"), name_of(record.score));
  text += fmt::format(" The training steps took {}", duration(record.seconds));
  if (std::isfinite(record.images_per_second) && record.images_per_second > 0)
    text += fmt::format(", {} {}s a second", counted(record.images_per_second), noun_of(input.example));
  return text + ".";
}

void add_tiles(std::string& page, const ReportInput& input) {
  const RunRecord& record = input.record;
  const Score score = record.score;
  const auto tile = [&](std::string_view name, const std::string& value) {
    page += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, value);
  };
  page += "<dl class=\"tiles\">\n";
  if (!record.history.val_acc_history.empty())
    tile(fmt::format("Best validation {}", name_of(score)), score_text(score, record.history.best_val_acc));
  if (input.test_acc) tile(fmt::format("Test {}", name_of(score)), score_text(score, *input.test_acc));
  if (!record.history.loss_history.empty()) {
    const double loss = record.history.loss_history.back();
    tile("Last loss", std::isfinite(loss) && !input.not_finite ? fmt::format("{:.4g}", loss) : "not finite");
  }
  if (input.net) tile("Parameters", counted(input.net->parameter_count()));
  tile("Training steps", duration(record.seconds));
  if (std::isfinite(record.images_per_second) && record.images_per_second > 0)
    tile(noun_of(input.example) == "image" ? "Images a second" : "Examples a second",
         counted(record.images_per_second));
  page += "</dl>\n";
}

void add_accuracies(std::string& page, const RunRecord& record, const Figure& accuracy) {
  const std::vector<double>& epochs = accuracy.series[0].x;
  if (epochs.empty() || epochs.size() > 1000) return;
  const Score score = record.score;
  page += "<details><summary>" + std::string(score == Score::accuracy ? "The accuracies" : score_title(score)) +
          " as numbers</summary>\n<div class=\"scroll\"><table><thead><tr>"
          "<th class=\"n\" scope=\"col\">Iteration</th><th class=\"n\" scope=\"col\">Epoch</th><th class=\"n\" "
          "scope=\"col\">Training</th>"
          "<th class=\"n\" scope=\"col\">Validation</th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < epochs.size(); ++i)
    page += fmt::format(
        "<tr><td class=\"n\">{}</td><td class=\"n\">{:g}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        counted(std::round(epochs[i] * static_cast<double>(record.iterations_per_epoch))),
        std::round(100 * epochs[i]) / 100, score_text(score, record.history.train_acc_history[i]),
        score_text(score, record.history.val_acc_history[i]));
  page += "</tbody></table></div></details>\n";
}

void add_net(std::string& page, const NetSummary& net, const std::string& noun, Index batch_size, Index slots) {
  page += fmt::format(
      "<section class=\"net\"><h2>The net</h2>\n<p>{}, for inputs of shape {}. Arithmetic is that of one training step "
      "for "
      "one {}, forward and backward, a multiply-add counted as two.</p>\n<div class=\"scroll\" "
      "tabindex=\"0\"><table>"
      "<thead><tr><th scope=\"col\">Layer</th><th scope=\"col\">Output</th><th scope=\"col\">Parameters</th>"
      "<th class=\"n\" scope=\"col\">Count</th><th class=\"n\" scope=\"col\">Arithmetic</th></tr></thead><tbody>\n",
      escape_html(net.title), net.input.to_string(), noun);
  double activations = 0;
  for (const LayerSummary& layer : net.layers) {
    activations += static_cast<double>(layer.activation_count);
    page += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                        escape_html(layer.name), layer.output.to_string(),
                        layer.parameters.empty() ? "" : "<code>" + escape_html(layer.parameters) + "</code>",
                        layer.parameter_count > 0 ? counted(layer.parameter_count) : "",
                        layer.flops > 0 ? quantity(layer.flops, "FLOP") : "");
  }
  page += fmt::format(
      "</tbody><tfoot><tr><td>Together</td><td></td><td></td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>"
      "</tfoot></table></div>\n",
      counted(net.parameter_count()), quantity(net.flops(), "FLOP"));
  if (batch_size > 0)
    page += fmt::format(
        "<p>A step of {} takes {} and keeps {} of activations{}.</p>\n",
        several(batch_size, noun.c_str(), (noun + "s").c_str()),
        quantity(net.flops() * static_cast<double>(batch_size), "FLOP"),
        quantity(activations * static_cast<double>((batch_size + slots - 1) / slots) * net.scalar_bytes, "B"),
        slots > 1 ? fmt::format(", as it is computed in {} slots", slots) : std::string());
  page += "</section>\n";
}

void add_predictions(std::string& page, const ReportInput& input) {
  page += "<section><h2>What it predicts</h2>\n<p>The best parameters, on the validation examples. ";
  page +=
      !input.confusion.empty()
          ? "A row is a true class, a column what its examples were taken for; the darker a cell, the larger its part "
            "of the row. What was right stands on the diagonal."
      : input.record.score == Score::f1
          ? "A curve goes from the surest predictions of a label, at the left, to all of them: precision is the "
            "fraction of the predictions that are right, recall the fraction of the label&#39;s examples that are "
            "found. Its ring is where the net decides, at a probability of one half."
          : "The nearer the points are to the line, the better. Residuals are true minus predicted; where they show a "
            "pattern, the net has not learned it yet.";
  page += "</p>\n" + input.confusion;
  if (!input.predictions.empty()) page += "<div class=\"charts wide\">\n";
  for (const Figure& figure : input.predictions) page += figure_html(figure);
  if (!input.predictions.empty()) page += "</div>\n";
  page += "</section>\n";
}

void add_filters(std::string& page, const Tensor<std::uint8_t>& filters) {
  page += fmt::format(
      "<section><h2>What the first layer looks for</h2>\n<div class=\"filters\"><img alt=\"The filters of the first "
      "layer, in a grid\" src=\"data:image/png;base64,{}\"><p>Each tile is one filter, scaled on its "
      "own: smallest weight black, largest white. Trained filters show edges and patches of colour; "
      "noise "
      "means that the layer has learned little yet.</p></div></section>\n",
      base64(encode_png(filters)));
}

// What a run that failed may be started anew with: a tenth of its learning rate, as text.
std::string smaller_rate(const std::string& config) {
  const ordered_json object = ordered_json::parse(config.empty() ? "{}" : config, nullptr, false);
  if (!object.is_object() || !object.contains("learning_rate") || !object["learning_rate"].is_number()) return "RATE";
  return fmt::format("{:.3g}", object["learning_rate"].get<double>() / 10);
}

void add_commands(std::string& page, const ReportInput& input, bool unfinished) {
  if (input.run_directory.empty()) return;
  const std::string directory = escape_html(shell_word(input.run_directory));
  const auto command = [&](std::string_view what, const std::string& line) {
    page += fmt::format("<p>{}</p>\n<pre tabindex=\"0\"><code>{}</code></pre>\n", what, line);
  };
  page += "<section><h2>Go on</h2>\n";
  if (input.not_finite)
    command(
        "From its last checkpoint the run would fail in the same way. Start anew, with a smaller learning rate and "
        "the run&#39;s other flags in place of FLAGS:",
        "lamina train FLAGS --learning-rate " + smaller_rate(input.record.config) + " --out " + directory +
            " --overwrite");
  else if (unfinished)
    command("Train on from the last checkpoint:", "lamina train --resume " + directory);
  const bool classes = input.record.score == Score::accuracy;
  const std::string part = std::string(input.has_test ? "test " : "validation ") + noun_of(input.example) + "s";
  command(classes ? "Accuracy on the " + part + ", class by class:" : "How well it predicts on the " + part + ":",
          "lamina eval " + directory + " --split " + (input.has_test ? "test" : "val"));
  if (noun_of(input.example) == "image")
    command(classes ? "Classify pictures of your own:" : "Predict for pictures of your own:",
            "lamina predict " + directory + " picture.jpg");
  page += "</section>\n";
}

void add_inside(std::string& page, const ReportInput& input) {
  const Diagnostics& diagnostics = input.diagnostics;
  if (diagnostics.every == 0) {
    page +=
        "<p class=\"hint\">A run with <code>--diagnose</code> also shows the gradients, updates and ReLUs of each "
        "layer here, and what is wrong with them.</p>\n";
    return;
  }
  page += "<section><h2>Inside the net</h2>\n";
  for (const Finding& finding : findings(diagnostics, input.record.history.loss_history)) {
    const std::string_view kind = finding.kind == Finding::Kind::well        ? "well"
                                  : finding.kind == Finding::Kind::too_short ? "open"
                                                                             : "warn";
    page += fmt::format("<p class=\"{}\">{}</p>\n", kind, escape_html(finding.text));
  }
  if (!diagnostics.measurements.empty()) {
    page += "<div class=\"charts wide\">\n";
    for (const Figure& figure : diagnostics_figures(diagnostics)) page += figure_html(figure);
    std::string names;
    for (const LayerInfo& layer : diagnostics.layers) names += (names.empty() ? "" : ", ") + layer.name;
    page += fmt::format(
        "</div>\n<p class=\"hint\">The layers, from the images to the scores: {}. Measured in {}. W is a layer's "
        "weight matrix or its filters, |W| the root of the sum of its squares. An axis in "
        "powers of ten has no place for 0. All values stand in <code>diagnostics.csv</code>.</p>\n",
        escape_html(names),
        diagnostics.every == 1
            ? std::string("every iteration")
            : fmt::format("the first 10 iterations and then every {} iterations", counted(diagnostics.every)));
  }
  page += "</section>\n";
}

void add_config_rows(std::string& page, const ordered_json& object, const std::string& prefix, int depth) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object() && depth < 3) {
      add_config_rows(page, value, prefix + key + ".", depth + 1);
      continue;
    }
    std::string text = value.is_string() ? value.get<std::string>()
                                         : value.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
    if (value.is_array() && text.size() >= 2) text = text.substr(1, text.size() - 2);
    if (text.empty()) continue;  // not set
    page += fmt::format("<tr><th scope=\"row\">{}</th><td><code>{}</code></td></tr>\n", escape_html(prefix + key),
                        escape_html(text));
  }
}

void add_config(std::string& page, const std::string& config) {
  const ordered_json object = ordered_json::parse(config.empty() ? "{}" : config, nullptr, false);
  if (!object.is_object() || object.empty()) return;
  page += "<section><h2>Configuration</h2>\n<div class=\"scroll\"><table><tbody>\n";
  add_config_rows(page, object, "", 0);
  page += "</tbody></table></div></section>\n";
}

}  // namespace

std::string report_html(const ReportInput& input) {
  const RunRecord& record = input.record;
  const std::vector<double>& losses = record.history.loss_history;
  const double epochs =
      static_cast<double>(losses.size()) / static_cast<double>(std::max<Index>(1, record.iterations_per_epoch));
  const std::string title = escape_html(input.title);

  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src "
      "'unsafe-inline'; img-src data:\">\n<title>" +
      title + "</title>\n<style>\n" + figure_style() + detail::kReportStyle +
      "</style>\n</head>\n<body>\n<header>\n<h1>" + title + "</h1>\n";
  if (input.num_train > 0)
    page += fmt::format("<p>Trained on {} {} of {}.</p>\n", counted(input.num_train), noun_of(input.example) + "s",
                        escape_html(input.data_name));
  page += "<p class=\"result\">" + result_sentence(input, epochs) + "</p>\n";
  if (input.not_finite)
    page += fmt::format(
        "<p class=\"warn\">The loss was not finite at iteration {}, and the run ended there. A smaller learning rate "
        "or "
        "weight scale helps most often.</p>\n",
        counted(*input.not_finite));
  add_tiles(page, input);
  page += "</header>\n<main>\n<section><h2>How it learned</h2>\n<div class=\"charts wide\">\n";
  const Figure accuracy = accuracy_figure(record);
  page += figure_html(loss_figure(record)) + figure_html(accuracy) + "</div>\n" + detail::kFigureHint;
  add_accuracies(page, record, accuracy);
  if (input.diagnostics.every == 0) add_inside(page, input);
  page += "</section>\n";
  if (input.diagnostics.every > 0) add_inside(page, input);
  if (!input.predictions.empty() || !input.confusion.empty()) add_predictions(page, input);
  if (!input.filters.empty()) add_filters(page, input.filters);
  if (input.net) add_net(page, *input.net, noun_of(input.example), input.batch_size, input.slots);
  add_commands(page, input, !input.patience && input.num_epochs > 0 && epochs < static_cast<double>(input.num_epochs));
  add_config(page, record.config);
  page += "</main>\n<footer>";
  if (!input.started.empty()) page += "Started " + escape_html(input.started) + ". ";
  page += "Written by lamina " LAMINA_VERSION ".</footer>\n<script>";
  return page + figure_script() + "</script>\n</body>\n</html>\n";
}

void write_report(const std::filesystem::path& path, const ReportInput& input) {
  write_file_atomically(path, report_html(input));
}

}  // namespace lamina
