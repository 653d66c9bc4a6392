#include "workbench/pages/figures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "lamina/io/atomic_file.h"
#include "tests/io/io_checks.h"

namespace lamina {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<double, 4> kPlot = {66, 62, 556, 264};  // left, top, width and height, in units of the viewBox
constexpr double kInf = std::numeric_limits<double>::infinity();

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

Figure figure_of(std::vector<double> x, std::vector<double> y) {
  Figure figure;
  figure.title = "T";
  figure.series = {{"s", std::move(x), std::move(y), true, true}};
  return figure;
}

/// The JSON of a figure of a page.
std::string data_of(const std::string& html) {
  const std::size_t begin = html.find("json\">") + 6;
  return html.substr(begin, html.find("</script>") - begin);
}

/// Every coordinate of the drawing is a number within the picture.
void expect_inside(const std::string& svg) {
  EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
  const std::regex circle("cx=\"([-0-9.]+)\" cy=\"([-0-9.]+)\"");
  for (std::sregex_iterator it(svg.begin(), svg.end(), circle), end; it != end; ++it) {
    const double x = std::stod((*it)[1]);
    const double y = std::stod((*it)[2]);
    EXPECT_TRUE(x >= 60 && x <= 640 && y >= 40 && y <= 380) << x << " " << y;
  }
}

class Figures : public testing_io::InDirectory {};

TEST_F(Figures, AreWellFormedXmlWhateverTheirNumbersAndTexts) {
  std::vector<Figure> figures = {
      figure_of({}, {}),
      figure_of({1}, {2}),
      figure_of({1, 2}, {3, 3}),
      figure_of({1, 2, 3}, {0, 0, 0}),
      figure_of({1, 2, 3}, {kNan, kInf, -kInf}),
      figure_of({1, 2, 3}, {1, kNan, 3}),
      figure_of({1, 2, 3}, {-1e308, 1e308, 5}),
      figure_of({1, 2, 3}, {-1e299, 1e299, 5}),
      figure_of({1, 2, 3}, {1e-300, 2e-300, 5e-300}),
      figure_of({1, 2, 3}, {1e12, 1e12 + 1, 1e12 + 2}),
      figure_of({kNan, 2, 1e15}, {1, 2}),
  };
  for (std::size_t i = figures.size(); i-- > 0;) {
    figures.push_back(figures[i]);
    figures.back().log_y = true;
    figures.push_back(figures[i]);
    figures.back().percent = figures.back().from_zero = true;
  }
  figures.push_back(figure_of({1, 2}, {1, 2}));
  figures.back().title = figures.back().y_label = "<b>\"&'\x01";
  figures.back().marks = {{2, 2, "</text><script>"}, {1, kNan, "none"}};
  for (std::size_t i = 0; i < figures.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string svg = to_svg(figures[i]);
    expect_inside(svg);
    write_file_atomically(dir_ / (std::to_string(i) + ".svg"), svg);
    EXPECT_TRUE(nlohmann::json::accept(figure_json(figures[i])));
    EXPECT_FALSE(figure_html(figures[i]).empty());
  }
  EXPECT_TRUE(python("import glob, xml.dom.minidom\nfor f in glob.glob('*.svg'): xml.dom.minidom.parse(f)\n"));
}

TEST(Svg, PutsPointsWhereTheAxesSay) {
  Figure figure = figure_of({0, 5, 10}, {0, 0.5, 1});
  const auto [left, top, width, height] = kPlot;
  const std::string svg = to_svg(figure);
  const std::regex circle("cx=\"([0-9.]+)\" cy=\"([0-9.]+)\"");
  std::vector<std::pair<double, double>> points;
  for (std::sregex_iterator it(svg.begin(), svg.end(), circle), end; it != end; ++it)
    points.emplace_back(std::stod((*it)[1]), std::stod((*it)[2]));
  ASSERT_EQ(points.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(points[i].first, left + width * static_cast<double>(i) / 2, 0.06);
    EXPECT_NEAR(points[i].second, top + height * (1 - static_cast<double>(i) / 2), 0.06);
  }
  figure.percent = true;
  EXPECT_EQ(count(to_svg(figure), ">100%<"), 1u);
  EXPECT_EQ(count(to_svg(figure), ">50%<") + count(to_svg(figure), ">40%<"), 1u);
}

TEST(Svg, PutsLabelsBesideCurvesInsideThePlotAndOffOneAnother) {
  Figure figure = figure_of({0, 1, 2, 3, 4}, {0.1, 0.35, 0.5, 0.55, 0.6});
  figure.series.push_back(figure.series[0]);
  figure.series[1].y = {0.1, 0.3, 0.45, 0.5, 0.45};
  const auto [left, top, width, height] = kPlot;
  figure.series[0].colour = figure.series[1].colour = 0;
  const std::regex text("mark-text\" text-anchor=\"(end|start)\" x=\"([0-9.]+)\" y=\"([0-9.]+)\"");
  const std::regex path("class=\"c0 line\" d=\"M([0-9. L]+)\"");
  const std::string label = "best of all: 51.0%";
  for (std::size_t at = 1; at < 5; ++at) {
    SCOPED_TRACE(at);
    figure.marks.assign(2, Mark{figure.series[1].x[at], figure.series[1].y[at], label});
    const std::string svg = to_svg(figure);
    std::vector<std::array<double, 4>> boxes;  // left, top, right, bottom: the letters, narrower than any font's
    for (std::sregex_iterator it(svg.begin(), svg.end(), text), end; it != end; ++it) {
      const double x = std::stod((*it)[2]), y = std::stod((*it)[3]), wide = 6 * static_cast<double>(label.size());
      boxes.push_back({(*it)[1] == "end" ? x - wide : x, y - 10, (*it)[1] == "end" ? x : x + wide, y});
      EXPECT_GE(boxes.back()[0], left);
      EXPECT_GE(boxes.back()[1], top);
      EXPECT_LE(boxes.back()[2], left + width);
      EXPECT_LE(boxes.back()[3], top + height);
    }
    ASSERT_EQ(boxes.size(), 2u);
    EXPECT_TRUE(boxes[0][1] >= boxes[1][3] || boxes[1][1] >= boxes[0][3] || boxes[0][0] >= boxes[1][2] ||
                boxes[1][0] >= boxes[0][2]);
    std::size_t curves = 0;
    for (std::sregex_iterator it(svg.begin(), svg.end(), path), end; it != end; ++it, ++curves) {
      std::string places = (*it)[1];
      std::replace(places.begin(), places.end(), 'L', ' ');
      std::istringstream in(places);
      double from_x = 0, from_y = 0, x = 0, y = 0;
      in >> from_x >> from_y;
      for (; in >> x >> y; from_x = x, from_y = y)
        for (int step = 0; step <= 500; ++step) {
          const double px = from_x + (x - from_x) * step / 500, py = from_y + (y - from_y) * step / 500;
          for (const auto& box : boxes)
            ASSERT_FALSE(box[0] < px && px < box[2] && box[1] < py && py < box[3]) << px << ' ' << py;
        }
    }
    EXPECT_EQ(curves, 2u);
  }
}

TEST(Svg, BreaksLinesAtNumbersThatAreNotFinite) {
  const std::string svg = to_svg(figure_of({1, 2, 3, 4}, {1, 2, kNan, 3}));
  EXPECT_EQ(count(svg, "<circle"), 3u);
  EXPECT_EQ(count(svg.substr(svg.find("class=\"c0 line\" d=\"M", svg.find("class=\"tick\""))), "M"),
            3u);  // legend, two parts
}

TEST(Svg, ThinsLongCurvesAndKeepsTheirPeaks) {
  std::vector<double> x, y;
  for (int i = 0; i < 200000; ++i) {
    x.push_back(i);
    y.push_back(i == 100100 || i == 150150 ? 10 : i == 100150 || i == 150100 ? -10 : i % 7);
  }
  Figure figure = figure_of(x, y);
  figure.series[0].dots = false;
  const std::string svg = to_svg(figure);
  EXPECT_LT(svg.size(), 60000u);
  EXPECT_EQ(count(svg, " 62.0"), 2u);  // both peaks reach the plot's top, both troughs its bottom
  EXPECT_EQ(count(svg, " 326.0"), 2u);

  const nlohmann::json page = nlohmann::json::parse(data_of(figure_html(figure)));
  const std::vector<double> kept = page["series"][0]["y"];
  EXPECT_EQ(kept.size(), page["series"][0]["x"].size());
  EXPECT_LE(kept.size(), 8000u);
  EXPECT_EQ(std::count(kept.begin(), kept.end(), 10), 2);
  EXPECT_EQ(std::count(kept.begin(), kept.end(), -10), 2);
}

TEST(Svg, FollowsLightAndDarkPages) {
  const std::string svg = to_svg(figure_of({1}, {1}));
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos);
  for (const char* colour : {"--c0:", "--c13:", "--page:", "--ink:"}) EXPECT_EQ(count(svg, colour), 2u) << colour;
}

TEST(FigureJson, HoldsWhatIsNotTheDefault) {
  Figure figure{"T", "x", "y", true, {{"a", {1, 2}, {0.5, kNan}}, {"b", {1, 2}, {kInf, -kInf}}}};
  EXPECT_EQ(figure_json(figure),
            R"({"title":"T","x_label":"x","y_label":"y","log_x":true,"series":[{"name":"a","x":[1,2],"y":[0.5,null]},)"
            R"({"name":"b","x":[1,2],"y":["inf","-inf"]}]})");
  figure.log_y = figure.percent = figure.from_zero = true;
  figure.smooth = false;
  figure.lines = {{0.5, "half"}};
  figure.marks = {{1, 2, "here"}};
  figure.x_names = {"one"};
  figure.series = {{"a", {1}, {1.0 / 3}, false, true, true, 3, "", false, {"told"}, {7}}};
  EXPECT_EQ(figure_json(figure, 3),
            R"({"title":"T","x_label":"x","y_label":"y","log_x":true,"series":[{"name":"a","x":[1],"y":[0.333],)"
            R"("line":false,"dots":true,"faint":true,"colour":3,"listed":false,"titles":["told"],"keys":[7]}],)"
            R"("log_y":true,"percent":true,"from_zero":true,"smooth":false,"lines":[{"y":0.5,"label":"half"}],)"
            R"("marks":[{"x":1,"y":2,"label":"here"}],"x_names":["one"]})");
}

TEST(FigureHtml, LetsNoTextBecomeMarkup) {
  Figure figure = figure_of({1}, {4e-310});  // a number that is not normal is one too
  figure.title = figure.series[0].name = "</script><b>";
  const std::string html = figure_html(figure);
  EXPECT_EQ(count(html, "<b>"), 0u);
  EXPECT_EQ(count(html, "</script>"), 1u);
  EXPECT_EQ(nlohmann::json::parse(data_of(html))["series"][0]["name"], "</script><b>");
}

TEST(LossFigure, SmoothsLongRunsAndGoesLogarithmic) {
  RunRecord record;
  record.history.loss_history.assign(50, 2.0);
  EXPECT_EQ(loss_figure(record).series.size(), 1u);
  record.history.loss_history.assign(200, 2.0);
  record.history.loss_history[50] = kNan;
  const Figure figure = loss_figure(record);
  ASSERT_EQ(figure.series.size(), 2u);
  for (const double mean : figure.series[1].y) ASSERT_EQ(mean, 2.0);
  EXPECT_FALSE(figure.log_y);
  record.history.loss_history[0] = 1e6;
  EXPECT_TRUE(loss_figure(record).log_y);
  record.history.loss_history[1] = 0;
  EXPECT_FALSE(loss_figure(record).log_y);
  EXPECT_EQ(loss_figure(RunRecord{}).series.size(), 1u);
}

TEST(AccuracyFigure, MarksTheBestCheck) {
  RunRecord record;
  record.history.loss_history.assign(20, 1.0);
  record.iterations_per_epoch = 10;
  record.history.train_acc_history = {0.1, 0.5, 0.7};
  record.history.val_acc_history = {0.1, 0.45, kNan};
  const Figure figure = accuracy_figure(record);
  EXPECT_EQ(figure.series[0].x, (std::vector<double>{0.1, 1, 2}));
  ASSERT_EQ(figure.marks.size(), 1u);
  EXPECT_EQ(figure.marks[0].x, 1);
  EXPECT_EQ(figure.marks[0].label, "best on validation: 45.0%");
  EXPECT_TRUE(accuracy_figure(RunRecord{}).marks.empty());
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\">&'\x02"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39; ");
  EXPECT_EQ(escape_html("plain \xc3\xa9"), "plain \xc3\xa9");
}

TEST_F(Figures, ScoresOfNumbersThatBeginFarBelowZero) {
  RunRecord record;
  record.score = Score::r2;
  record.history.loss_history = {3, 2, 1};
  record.history.train_acc_history = {-900, 0.25, 0.5};
  record.history.val_acc_history = {-800, -0.5, 0.125};
  Figure figure = accuracy_figure(record);
  EXPECT_EQ(figure.title, "R^2");
  EXPECT_FALSE(figure.percent);
  EXPECT_EQ(figure.y_label, "R^2 (below -1: not shown)");
  EXPECT_TRUE(std::isnan(figure.series[0].y[0]));
  EXPECT_TRUE(std::isnan(figure.series[1].y[0]));
  EXPECT_EQ(figure.series[1].y[1], -0.5);
  EXPECT_EQ(figure.marks.at(0).label, "best on validation: 0.125");
  record.history.val_acc_history = {-800, -500, -400};
  figure = accuracy_figure(record);
  EXPECT_EQ(figure.series[1].y[0], -800) << "nothing better is to be seen";
}

}  // namespace
}  // namespace lamina
