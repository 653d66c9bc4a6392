// Ranges of a search: a value that is drawn lies between the range's ends.
#include "workbench/search/range.h"

#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  const Range range("learning-rate", bytes);
  const std::vector<std::string> ends = range.ends();
  RandomState random(1);
  for (int i = 0; i < 20; ++i) {
    const std::string value = range.draw(random);
    const double place = range.place(value);
    require(range.place(ends.front()) <= place && place <= range.place(ends.back()), "a draw out of range: " + value);
  }
}

std::vector<std::string> seeds() {
  return {"uniform:0.5:1", "log-uniform:1e-6:1e8", "integer:-3:100:7", "log-integer:1:9007199254740992",
          "choice:sgd|adam|adam|16,8"};
}

}  // namespace lamina::fuzz
