#include "workbench/pages/prediction_figures.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lamina {
namespace {

// Three of four examples of a are right, none of b.
TEST(PredictionFigures, ConfusionMatrix) {
  const std::string table = confusion_table({"a", "<b>"}, {{3, 1}, {2, 0}});
  EXPECT_NE(table.find("<th scope=\"row\">a</th><td class=\"n right\" style=\"--share:52%\">3</td>"
                       "<td class=\"n\" style=\"--share:18%\">1</td>"),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("<th scope=\"row\">&lt;b&gt;</th><td class=\"n\" style=\"--share:70%\">2</td>"
                       "<td class=\"n right\" style=\"--share:0%\">0</td>"),
            std::string::npos)
      << table;
  EXPECT_EQ(confusion_table(std::vector<std::string>(41), std::vector(41, std::vector<Index>(41))), "");
}

TEST(PredictionFigures, NumbersAgainstWhatIsTrue) {
  const Tensor<double> targets({3, 2}, std::vector<double>{1, 10, -2, 20, 4, 30});
  const Tensor<double> predicted({3, 2}, std::vector<double>{1.5, 11, -2, 18, 3, 33});
  const std::vector<Figure> figures = regression_figures({"a", "b"}, predicted, targets);
  ASSERT_EQ(figures.size(), 4u);
  EXPECT_EQ(figures[0].title, "Predicted against true: a");
  EXPECT_EQ(figures[0].series[0].x, (std::vector<double>{1, -2, 4}));
  EXPECT_EQ(figures[0].series[0].y, (std::vector<double>{1.5, -2, 3}));
  EXPECT_FALSE(figures[0].series[0].line);
  EXPECT_EQ(figures[0].series[1].x, (std::vector<double>{-2, 4})) << "the line of right predictions";
  EXPECT_EQ(figures[0].series[1].y, figures[0].series[1].x);
  EXPECT_EQ(figures[3].title, "Residuals: b");
  EXPECT_EQ(figures[3].series[0].x, (std::vector<double>{11, 18, 33}));
  EXPECT_EQ(figures[3].series[0].y, (std::vector<double>{-1, 2, -3}));
  EXPECT_NE(to_svg(figures[2]).find("<circle"), std::string::npos) << "points are drawn";
}

TEST(PredictionFigures, ManyPointsAndNumbersAreThinnedOut) {
  const Tensor<double> numbers({5000, 6}, 1.0);
  const std::vector<Figure> figures =
      regression_figures(std::vector<std::string>(6, "n"), numbers, Tensor<double>({5000, 6}, 2.0));
  ASSERT_EQ(figures.size(), 8u);
  EXPECT_EQ(figures[7].series[0].x.size(), 2000u);
}

// Logits 3 2 2 -1 of examples 1 0 1 1, so that the two in the middle come together.
TEST(PredictionFigures, PrecisionAgainstRecall) {
  const Tensor<double> logits({4, 2}, std::vector<double>{2, 0, 3, 0, -1, 0, 2, 0});
  const Tensor<double> targets({4, 2}, std::vector<double>{0, 0, 1, 0, 1, 0, 1, 0});
  const Figure figure = precision_recall_figure({"seen", "never"}, logits, targets);
  ASSERT_EQ(figure.series.size(), 1u) << "a label without examples has no recall";
  EXPECT_EQ(figure.series[0].name, "seen");
  EXPECT_EQ(figure.series[0].x, (std::vector<double>{1 / 3.0, 2 / 3.0, 1}));
  EXPECT_EQ(figure.series[0].y, (std::vector<double>{1, 2 / 3.0, 3 / 4.0}));
  ASSERT_EQ(figure.marks.size(), 1u) << "where logits are above 0";
  EXPECT_EQ(figure.marks[0].x, 2 / 3.0);
  EXPECT_EQ(figure.marks[0].y, 2 / 3.0);
}

}  // namespace
}  // namespace lamina
