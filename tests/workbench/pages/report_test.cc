#include "workbench/pages/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "datasets/images.h"
#include "tests/io/io_checks.h"

namespace lamina {
namespace {

class Report : public testing_io::InDirectory {};

ReportInput full_input() {
  ReportInput input;
  input.title = "ConvNet on CIFAR-10";
  input.data_name = "CIFAR-10";
  input.num_train = 49000;
  input.num_val = 1000;
  input.num_epochs = 2;
  input.batch_size = 32;
  input.record.history.loss_history.assign(3000, 1.25);
  input.record.history.train_acc_history = {0.1, 0.6, 0.7};
  input.record.history.val_acc_history = {0.1, 0.625, 0.6};
  input.record.history.best_val_acc = 0.625;
  input.record.iterations_per_epoch = 1500;
  input.record.seconds = 754;
  input.record.images_per_second = 1234.5;
  input.record.config = R"({"net":{"model":"convnet","num_filters":[16,32]},"learning_rate":0.005})";
  input.test_acc = 0.61;
  NetSummary net;
  net.title = "ConvNet, float32";
  net.input = {3, 32, 32};
  net.layers = {{"conv 7x7, 16 filters", "W_1 b_1", {16, 32, 32}, 2368, 1.5e7, 16384},
                {"affine", "W_2 b_2", {10}, 40970, 2.5e5, 10}};
  input.net = net;
  input.filters = Tensor<std::uint8_t>(Shape{7, 7, 3}, 99);
  input.run_directory = "runs/one";
  return input;
}

/// A parser of Python's library finds the page whole, with every element closed, and nothing that would be loaded.
constexpr const char* kCheckPage = R"(
import base64, html.parser, re
page = open('report.html', encoding='utf-8').read()
class Check(html.parser.HTMLParser):
    void = {'meta', 'img', 'br', 'line', 'circle', 'path', 'rect'}
    def __init__(self): super().__init__(); self.open, self.images = [], []
    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            assert not name.startswith('on'), (tag, name)
            if name in ('src', 'href'):
                assert value.startswith('data:image/png;base64,'), value
                self.images.append(base64.b64decode(value.split(',', 1)[1], validate=True))
        if tag not in self.void: self.open.append(tag)
    def handle_startendtag(self, tag, attrs): pass
    def handle_endtag(self, tag): assert self.open.pop() == tag, tag
check = Check(); check.feed(page); check.close()
assert check.open == [], check.open
assert not re.search(r'https?://(?!www\.w3\.org/2000/svg)', page)
assert not re.search(r'url\(|@import', page)
)";

TEST_F(Report, SaysWhatTheRunGave) {
  write_report(dir_ / "report.html", full_input());
  EXPECT_TRUE(python(std::string(kCheckPage) + "assert len(check.images) == 1 and check.images[0][:4] == b'\\x89PNG'\n"
                                               "open('filters.png', 'wb').write(check.images[0])\n"));
  EXPECT_EQ(read_image(dir_ / "filters.png")[0], 99);
  const std::string page = read_file(dir_ / "report.html");
  for (const char* part :
       {"<title>ConvNet on CIFAR-10</title>", "After 2 epochs (3,000 iterations)",
        "<strong>62.5%</strong> of the 1,000 validation images", "<strong>61.0%</strong> of the test images",
        "12 min 34 s, 1,234 images a second", "Trained on 49,000 images of CIFAR-10", "43,338", "15.2 MFLOP",
        "lamina eval runs/one --split test", "lamina predict runs/one picture.jpg", "net.num_filters",
        "<code>16,32</code>", "prefers-color-scheme:dark", "Content-Security-Policy", "conv 7x7, 16 filters"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  EXPECT_EQ(page.find("--resume"), std::string::npos);  // the run is finished
}

TEST_F(Report, LetsNoTextBecomeMarkup) {
  ReportInput input = full_input();
  const std::string evil = "</script><script>evil()</script>\"'&";
  input.title = input.data_name = input.started = evil;
  input.run_directory = "runs/" + evil;
  input.net->title = input.net->layers[0].name = input.net->layers[0].parameters = evil;
  input.record.config = R"--({"<b>k":"</script><script>evil()"})--";
  write_report(dir_ / "report.html", input);
  EXPECT_TRUE(python(std::string(kCheckPage) + "assert '<script>evil' not in page and '<b>' not in page\n"));
}

TEST_F(Report, RecommendsWhatCanBeDone) {
  ReportInput input = full_input();
  input.has_test = false;
  EXPECT_NE(report_html(input).find("lamina eval runs/one --split val"), std::string::npos);
  EXPECT_EQ(report_html(input).find("--split test"), std::string::npos);
  input.num_epochs = 50;
  EXPECT_NE(report_html(input).find("lamina train --resume runs/one"), std::string::npos);
  input.patience = 3;
  const std::string page = report_html(input);
  EXPECT_EQ(page.find("--resume"), std::string::npos) << "a run that its patience ended is not to be resumed";
  EXPECT_NE(page.find("as 3 accuracy checks in a row brought no better validation accuracy"), std::string::npos);
}

TEST_F(Report, QuotesDirectoriesForTheShell) {
  ReportInput input = full_input();
  input.run_directory = "my runs/it's $HOME";
  EXPECT_NE(report_html(input).find("lamina eval &#39;my runs/it&#39;\\&#39;&#39;s $HOME&#39; --split test"),
            std::string::npos);
}

TEST_F(Report, StandsWithNextToNothing) {
  ReportInput input;
  input.record.config = "not JSON";
  write_report(dir_ / "report.html", input);
  EXPECT_TRUE(python(kCheckPage));
  input.record.config = std::string(5000, '[');
  EXPECT_FALSE(report_html(input).empty());

  input = full_input();
  input.num_epochs = 5;
  input.record.history.loss_history.back() = std::numeric_limits<double>::quiet_NaN();
  input.record.seconds = std::numeric_limits<double>::infinity();
  write_report(dir_ / "report.html", input);
  EXPECT_TRUE(python(kCheckPage));
  const std::string page = read_file(dir_ / "report.html");
  EXPECT_NE(page.find("lamina train --resume runs/one"), std::string::npos);
  EXPECT_NE(page.find("After 2 epochs of 5"), std::string::npos);
}

TEST_F(Report, OfARunThatFailedSaysHowToStartAnew) {
  ReportInput input = full_input();
  input.num_epochs = 5;
  input.not_finite = 3001;
  write_report(dir_ / "report.html", input);
  EXPECT_TRUE(python(kCheckPage));
  const std::string page = read_file(dir_ / "report.html");
  EXPECT_NE(page.find("The loss was not finite at iteration 3,001"), std::string::npos);
  EXPECT_NE(page.find("<dt>Last loss</dt><dd>not finite</dd>"), std::string::npos);
  EXPECT_NE(page.find("lamina train FLAGS --learning-rate 0.0005 --out runs/one --overwrite"), std::string::npos);
  EXPECT_EQ(page.find("--resume"), std::string::npos);
  input.record.config = "";
  EXPECT_NE(report_html(input).find("--learning-rate RATE --out"), std::string::npos);
}

TEST_F(Report, SuggestsOnlySplitsThatThereAre) {
  ReportInput input = full_input();
  input.has_test = false;
  EXPECT_EQ(report_html(input).find("--split test"), std::string::npos);
  EXPECT_NE(report_html(input).find("lamina eval runs/one --split val"), std::string::npos);
}

TEST_F(Report, LeavesOutOptionsThatAreNotSet) {
  ReportInput input = full_input();
  input.record.config = R"({"data_dir":"","pools":[],"inner":{"net":""},"seed":0,"shuffle":false})";
  const std::string page = report_html(input);
  for (const char* name : {">data_dir<", ">pools<", ">inner.net<"})
    EXPECT_EQ(page.find(name), std::string::npos) << name;
  for (const char* name : {">seed<", ">shuffle<"}) EXPECT_NE(page.find(name), std::string::npos) << name;
}

/// Three layers whose gradients shrink to the least of doubles; no unit is dead.
Diagnostics shrinking() {
  Diagnostics diagnostics;
  diagnostics.every = 2;
  diagnostics.batch_size = 50;
  diagnostics.even_loss = std::log(10.0);
  diagnostics.layers = {{"conv 1", true}, {"<i>", true}, {"affine 3", false}};
  for (const Index t : {1, 2, 3, 4}) {
    Measurement m{t, 2.3, true, std::vector<LayerValues>(3)};
    for (std::size_t i = 0; i < 3; ++i)
      m.layers[i] = {{1, i == 0 ? 4e-310 : std::pow(10, -16.0 + 5 * static_cast<double>(i)), 1, 1e-3, 0.5, 1, 0.5, 0}};
    diagnostics.measurements.push_back(std::move(m));
  }
  return diagnostics;
}

TEST_F(Report, ShowsWhatIsInsideTheNet) {
  ReportInput input = full_input();
  EXPECT_NE(report_html(input).find("--diagnose"), std::string::npos);
  EXPECT_EQ(report_html(input).find("Inside the net"), std::string::npos);
  input.diagnostics = shrinking();
  write_report(dir_ / "report.html", input);
  EXPECT_TRUE(python(std::string(kCheckPage) + R"py(
import json
inside = page[page.index('<h2>Inside the net'):]
inside = inside[:inside.index('</section>')]
assert '--diagnose' not in page
assert inside.count('<figure class="chart">') == 7, inside.count('<figure')
assert re.findall('<p class="(?:warn|well)">(Gradients vanish in conv 1 to affine 3: )', inside), inside[:500]
assert 'conv 1, &lt;i&gt;, affine 3' in inside and 'then every 2 iterations.' in inside and '<i>:' not in inside
figures = [json.loads(text) for text in re.findall('<script type="application/json">(.*?)</script>', inside, re.S)]
assert [[len(s['y']) for s in f['series']] for f in figures] == 5 * [[4, 4, 4]] + 2 * [[4, 4]], figures
assert figures[0]['series'][2]['y'] == [1e-6] * 4 and figures[5]['series'][1]['name'] == '<i>'
assert figures[0]['series'][0]['y'] == [4e-310] * 4 and figures[0]['log_y']
)py"));
  EXPECT_NE(report_html(input).find("Measured in the first 10 iterations and then every 2 iterations. "),
            std::string::npos);
  input.diagnostics.every = 1;
  EXPECT_NE(report_html(input).find("Measured in every iteration. "), std::string::npos);
}

}  // namespace
}  // namespace lamina
