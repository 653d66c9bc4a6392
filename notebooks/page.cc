#include "notebooks/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "workbench/pages/figures.h"
#include "workbench/pages/page_text.h"

namespace lamina {

namespace detail {
extern const char* const kNotebookPageScript;
extern const char* const kNotebookPageStyle;
}  // namespace detail

namespace {

using Count = ReproduceResults::Count;

Count count_of(const NotebookCell& cell) {
  Count count;
  for (const NotebookCheck& check : cell.checks)
    ++(!check.holds ? count.not_checked : *check.holds ? count.hold : count.fail);
  return count;
}

Count count_of(const NotebookResults& notebook) {
  Count sum;
  for (const NotebookCell& cell : notebook.cells) {
    const Count count = count_of(cell);
    sum.hold += count.hold;
    sum.fail += count.fail;
    sum.not_checked += count.not_checked;
  }
  return sum;
}

double seconds_of(const NotebookResults& notebook) {
  double seconds = 0;
  for (const NotebookCell& cell : notebook.cells) seconds += cell.seconds;
  return seconds;
}

/// "In [5]" for a cell of the notebook; what stands between its cells keeps its name.
std::string cell_label(const std::string& number) {
  if (!number.empty() && number[0] >= '0' && number[0] <= '9') return "In [" + number + "]";
  return number;
}

std::string anchor(const NotebookResults& notebook, const NotebookCell& cell) {
  std::string id = notebook.name + "-";
  for (const char c : cell.number)
    id += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : c == '+' ? 'b' : '-';
  return id;
}

std::string digits_of(double value) {
  std::string text = fmt::format("{}", value);
  if (text.size() > 12) text = fmt::format("<span title=\"{}\">{:.8g}</span>", text, value);
  return text;
}

std::string digits_of(const std::vector<double>& values) {
  if (values.size() == 1) return digits_of(values[0]);
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + fmt::format("{:.6g}", value);
  return text;
}

std::string badge(const Count& count) {
  std::string html;
  if (count.fail > 0) html += fmt::format("<span class=\"badge fail\">✗ {} failed</span>", count.fail);
  if (count.hold > 0)
    html += fmt::format("<span class=\"badge hold\">✓ {} hold{}</span>", count.hold, count.hold == 1 ? "s" : "");
  if (count.not_checked > 0) html += fmt::format("<span class=\"badge\">{} not checked</span>", count.not_checked);
  return html;
}

void add_checks(std::string& page, const NotebookCell& cell) {
  if (cell.checks.empty()) return;
  const Count count = count_of(cell);
  page += fmt::format(
      "<details class=\"fold\"{}><summary>{}</summary><div class=\"scroll\" tabindex=\"0\"><table class=\"checks\">"
      "<thead><tr><th scope=\"col\">Cell</th><th scope=\"col\">Check</th><th scope=\"col\">This run</th>"
      "<th scope=\"col\">Notebook</th><th scope=\"col\">Allowed</th><th scope=\"col\">Holds</th></tr>"
      "</thead><tbody>\n",
      count.fail > 0 ? " open" : "", several(static_cast<Index>(cell.checks.size()), "check", "checks"));
  for (const NotebookCheck& check : cell.checks) {
    std::string allowed = check.kind == NotebookCheck::Kind::below   ? "below "
                          : check.kind == NotebookCheck::Kind::above ? "above "
                                                                     : "± ";
    allowed += check.kind == NotebookCheck::Kind::equals ? fmt::format("{:.4g}", check.tolerance)
                                                         : fmt::format("{:.4g}", check.bound);
    if (check.kind == NotebookCheck::Kind::equals && check.tolerance == 0) allowed = "exactly";
    const std::string_view holds = !check.holds ? "–" : *check.holds ? "✓ yes" : "✗ no";
    const std::string_view kind = !check.holds ? "open" : *check.holds ? "hold" : "fail";
    page += fmt::format(
        "<tr class=\"{}\"><td>{}</td><th scope=\"row\">{}{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        kind, escape_html(check.cell), escape_html(check.name),
        check.note.empty() ? "" : "<small>" + escape_html(check.note) + "</small>", digits_of(check.value),
        check.printed.empty() ? "–" : digits_of(check.printed), allowed, holds);
  }
  page += "</tbody></table></div></details>\n";
}

void add_table(std::string& page, const NotebookTable& table) {
  page += "<div class=\"scroll\" tabindex=\"0\"><table class=\"numbers\"><caption>" + escape_html(table.title) +
          "</caption><thead><tr>";
  for (const std::string& column : table.columns) page += "<th scope=\"col\">" + escape_html(column) + "</th>";
  page += "</tr></thead><tbody>\n";
  for (const NotebookTable::Row& row : table.rows) {
    page += "<tr><th scope=\"row\">" + escape_html(row.name) + "</th>";
    for (const double value : row.values)
      page += std::isnan(value) ? "<td>–</td>" : fmt::format("<td>{:.4g}</td>", value);
    page += "</tr>\n";
  }
  page += "</tbody></table></div>\n";
}

void add_image(std::string& page, const NotebookImage& image, const std::filesystem::path& directory) {
  page += "<figure class=\"picture\"><figcaption>" + escape_html(image.title) + "</figcaption>";
  try {
    page += "<img alt=\"" + escape_html(image.title) + "\" src=\"data:image/png;base64," +
            base64(read_file(directory / image.file, std::uintmax_t{1} << 26)) + "\">";
  } catch (const std::exception&) {
    page += "<p>" + escape_html(image.file) + " does not lie beside results.json any more.</p>";
  }
  page += "</figure>\n";
}

void add_experiment(std::string& page, const NotebookExperiment& experiment, const std::filesystem::path& directory) {
  page += "<div class=\"experiment\">\n";
  if (experiment.question.empty()) {
    page += "<p>" + escape_html(experiment.text) + "</p>\n";
  } else {
    page += "<blockquote><p><b>The notebook asks:</b> " + escape_html(experiment.question) +
            "</p><p><b>Its answer:</b> " + escape_html(experiment.answer) + "</p></blockquote>\n<p class=\"finding\">" +
            escape_html(experiment.finding) + "</p>\n<p>" + escape_html(experiment.text) + "</p>\n";
  }
  if (!experiment.histories.empty()) {
    page += "<div class=\"charts\">\n";
    for (const NotebookPlot& plot : experiment.histories) page += figure_html(plot);
    page += "</div>\n";
  }
  for (const NotebookTable& table : experiment.tables) add_table(page, table);
  for (const NotebookImage& image : experiment.images) add_image(page, image, directory);
  page += "</div>\n";
}

void add_cell(std::string& page, const NotebookResults& notebook, const NotebookCell& cell,
              const std::filesystem::path& directory) {
  const bool question = !cell.experiments.empty() && !cell.experiments.front().question.empty();
  page += fmt::format(
      "<article id=\"{}\"{}>\n<header><span class=\"label\">{}</span><h3>{}</h3><span class=\"marks\">{}"
      "<span class=\"time\">{}</span></span></header>\n",
      anchor(notebook, cell), question ? " class=\"question\"" : "", escape_html(cell_label(cell.number)),
      escape_html(cell.title), badge(count_of(cell)), cell.seconds < 0.1 ? "" : duration(cell.seconds));
  for (const NotebookExperiment& experiment : cell.experiments) add_experiment(page, experiment, directory);
  page += "<div class=\"folds\">\n";
  add_checks(page, cell);
  if (!cell.output.empty())
    page += "<details class=\"fold\"><summary>What the cell printed</summary><pre tabindex=\"0\">" +
            escape_html(cell.output) + "</pre></details>\n";
  page += "</div></article>\n";
}

void add_contents(std::string& page, const ReproduceResults& results) {
  page += "<nav aria-label=\"Contents\"><details class=\"contents\" open><summary>Contents</summary>\n";
  for (const NotebookResults& notebook : results.notebooks) {
    page += fmt::format("<p><a href=\"#{0}\">{1}</a></p><ul>\n", notebook.name, escape_html(notebook.title));
    for (const NotebookCell& cell : notebook.cells)
      page += fmt::format("<li><a href=\"#{}\"{}>{}</a></li>\n", anchor(notebook, cell),
                          count_of(cell).fail > 0 ? " class=\"fail\"" : "", escape_html(cell.title));
    page += "</ul>\n";
  }
  page += "</details></nav>\n";
}

void add_summary(std::string& page, const ReproduceResults& results) {
  const Count count = results.count();
  double seconds = 0;
  Index cells = 0;
  std::size_t experiments = 0;
  for (const NotebookResults& notebook : results.notebooks) {
    seconds += seconds_of(notebook);
    cells += static_cast<Index>(notebook.cells.size());
    for (const NotebookCell& cell : notebook.cells) experiments += cell.experiments.size();
  }
  const auto tile = [&](std::string_view name, const std::string& value, std::string_view kind = "") {
    page += fmt::format("<div class=\"{}\"><dt>{}</dt><dd>{}</dd></div>\n", kind, name, value);
  };
  page += fmt::format(
      "<header class=\"top\">\n<h1>The notebooks, run again</h1>\n<p class=\"lead\">{} of the {} on {}: every "
      "check against what {} print{}, every experiment, and what this run shows about each of their "
      "questions.{}</p>\n",
      several(cells, "cell", "cells"),
      results.notebooks.size() == 1 ? "notebook " + escape_html(results.notebooks[0].title) : "notebooks",
      escape_html(results.data_name), results.notebooks.size() == 1 ? "it" : "they",
      results.notebooks.size() == 1 ? "s" : "",
      results.quick ? " Trainings are short (--quick), so their accuracies are lower than the notebooks'." : "");
  page += "<dl class=\"tiles\">\n";
  tile("checks hold", fmt::format("{}", count.hold), "hold");
  tile("failed", fmt::format("{}", count.fail), count.fail > 0 ? "fail" : "");
  if (count.not_checked > 0) tile("not checked", fmt::format("{}", count.not_checked));
  tile("computing", duration(seconds));
  tile("experiments", fmt::format("{}", experiments));
  page += "</dl>\n";
  if (!results.is_cifar10 && count.not_checked > 0)
    page += "<p>Values that depend on CIFAR-10 are not checked: the data are other ones.</p>\n";
  if (count.fail > 0) {
    page += "<div class=\"failures\"><p><b>These checks failed:</b></p><ul>\n";
    for (const NotebookResults& notebook : results.notebooks)
      for (const NotebookCell& cell : notebook.cells)
        for (const NotebookCheck& check : cell.checks)
          if (check.holds && !*check.holds)
            page +=
                fmt::format("<li><a href=\"#{}\">{}, {}</a>: {}</li>\n", anchor(notebook, cell),
                            escape_html(notebook.title), escape_html(cell_label(cell.number)), escape_html(check.name));
    page += "</ul></div>\n";
  }
  page += "</header>\n";
}

void add_findings(std::string& page, const ReproduceResults& results) {
  std::string list;
  for (const NotebookResults& notebook : results.notebooks)
    for (const NotebookCell& cell : notebook.cells)
      for (const NotebookExperiment& experiment : cell.experiments)
        if (!experiment.question.empty())
          list +=
              fmt::format("<li><a href=\"#{}\"><span>{}</span><b>{}</b></a><p>{}</p></li>\n", anchor(notebook, cell),
                          escape_html(notebook.title), escape_html(experiment.name), escape_html(experiment.finding));
  if (list.empty()) return;
  page += "<section class=\"findings\"><h2>What this run shows about the notebooks' questions</h2><ol>\n" + list +
          "</ol></section>\n";
}

}  // namespace

std::string notebook_page(const ReproduceResults& results, const std::filesystem::path& directory) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src "
      "'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<title>The notebooks, run "
      "again · " +
      escape_html(results.data_name) + "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n" + figure_style() +
      detail::kNotebookPageStyle + "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the results</a>\n";
  add_contents(page, results);
  page += "<main id=\"main\">\n";
  add_summary(page, results);
  page +=
      "<noscript><p class=\"failures\">The figures of this page are drawn by its script, which is switched off here. "
      "Texts, checks and tables are complete without it.</p></noscript>\n";
  add_findings(page, results);
  page +=
      "<p class=\"hint\">Figures: point at them or tab to them and use the arrow keys to see values; drag across one, "
      "or "
      "press + and −, to zoom, 0 for the whole; the legend hides and shows series. "
      "<button type=\"button\" id=\"unfold\">Open all checks</button></p>\n";
  for (const NotebookResults& notebook : results.notebooks) {
    page += fmt::format(
        "<section class=\"notebook\" id=\"{}\">\n<h2>{}</h2>\n<p class=\"marks\">{}<span class=\"time\">{}, "
        "{}</span></p>\n",
        notebook.name, escape_html(notebook.title), badge(count_of(notebook)),
        several(static_cast<Index>(notebook.cells.size()), "cell", "cells"), duration(seconds_of(notebook)));
    for (const NotebookCell& cell : notebook.cells) add_cell(page, notebook, cell, directory);
    page += "</section>\n";
  }
  page += "<footer>The numbers of this page lie in results.json beside it. Written by lamina " +
          escape_html(results.lamina_version) + ", computed with " + escape_html(results.instruction_set) +
          ".</footer>\n</main>\n<script>\n";
  return page + figure_script() + detail::kNotebookPageScript + "</script>\n</body>\n</html>\n";
}

void write_notebook_page(const ReproduceResults& results, const std::filesystem::path& directory) {
  write_file_atomically(directory / "report.html", notebook_page(results, directory));
}

}  // namespace lamina
