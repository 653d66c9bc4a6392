// Blocks from a text.
#include "lamina/nets/block_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "lamina/check.h"
#include "lamina/nearest.h"
#include "lamina/nets/block.h"
#include "lamina/nets/block_text_words.h"
#include "lamina/nets/blocks/blocks.h"

namespace lamina {
namespace {

Blocks blocks_of_option(const std::vector<Word>& words, std::size_t end);
bool is_block(std::string_view name);

// What a block's text must have: "conv FILTERS KxK".
std::string form_of(std::string_view name) {
  for (const std::string& line : block_grammar())
    if (line.starts_with(std::string(name) + " ")) return line.substr(0, line.find(" ["));
  return std::string(name);
}

// Reads the options of one block from its words.
class Reader : public BlockVisitor {
 public:
  // `end`: the position after the block, for errors.
  Reader(const Word& name, std::vector<Word> words, std::size_t end)
      : name_(name.text), words_(std::move(words)), end_(end) {}

  void number(std::string_view what, Index& value) override { value = whole(take(what), what, 1); }
  void number(std::string_view what, double& value, const OptionRange& bounds) override {
    value = real(take(what), what, bounds);
  }
  void number(std::string_view what, double& value, const OptionRange& bounds, double absent) override {
    const bool there = !words_.empty() && words_.front().text.find_first_not_of("+-.0123456789eE") == std::string::npos;
    value = there ? real(take(what), what, bounds) : absent;
  }
  void filter_size(Sides& size) override {
    const Word word = take("a filter size such as 3x3");
    if (!read_sides(word.text, size) || size.h < 1 || size.w < 1)
      wrong(word.at, "expected a filter size such as 3x3, got ", quoted(word.text));
  }

  void option(std::string_view word, std::optional<Index>& value, Index least) override {
    if (const auto found = take_option(word)) value = whole(*found, word, least);
  }
  void option(std::string_view word, std::optional<Sides>& value, Index least) override {
    const auto found = take_option(word);
    if (!found) return;
    Sides sides = least;
    if (found->text.find('x') == std::string_view::npos)
      sides = whole(*found, word, least);
    else if (!read_sides(found->text, sides) || sides.h < least || sides.w < least)
      wrong(found->at, "expected ", word, " to be two whole numbers of ", at_least(least), " such as 2x1, got ",
            quoted(found->text));
    value = sides;
  }
  void option(std::string_view word, double& value, const OptionRange& bounds, double absent) override {
    const auto found = take_option(word);
    value = found ? real(*found, word, bounds) : absent;
  }
  void flag(std::string_view word, bool& value) override {
    const auto found = find(word);
    value = found != words_.end();
    if (value) words_.erase(found);
  }
  void initial(Initial& value, Initial::Kind absent) override {
    value.kind = absent;
    std::size_t scale_at = 0;
    const auto found = take_option("init", &scale_at);
    if (!found) return;
    const auto* kind = std::find(std::begin(kInitials), std::end(kInitials), found->text);
    if (kind == std::end(kInitials))
      wrong(found->at, "expected init he, xavier, zeros or scale X, got ", quoted(found->text));
    value.kind = static_cast<Initial::Kind>(kind - std::begin(kInitials));
    if (value.kind != Initial::Kind::scale) return;
    if (scale_at == words_.size()) wrong(end_, "expected a number after 'init scale', got none");
    value.scale = real(words_[scale_at], "init scale", {});
    words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(scale_at));
  }
  void initial_zeros(bool& value) override {
    const auto found = take_option("init");
    if (found && found->text != "zeros") wrong(found->at, "expected init zeros, got ", quoted(found->text));
    value = found.has_value();
  }

  void blocks(std::string_view word, Blocks& blocks) override {
    const Word found = take(word.empty() ? "blocks in parentheses" : word);
    if (found.text != "(") wrong(found.at, "expected '(' after ", name_, ", got ", quoted(found.text));
    blocks = blocks_of_option(found.list, found.at);
  }
  void blocks(std::string_view word, std::optional<Blocks>& blocks) override {
    const auto found = take_option(word);
    if (!found) return;
    if (found->text != "(") wrong(found->at, "expected '(' after ", word, ", got ", quoted(found->text));
    blocks = blocks_of_option(found->list, found->at);
  }
  void branches(std::vector<Blocks>& branches) override {
    while (!words_.empty() && words_.front().text == "(") {
      const Word word = take("");
      branches.push_back(blocks_of_option(word.list, word.at));
    }
    if (branches.size() < 2)
      wrong(words_.empty() ? end_ : words_.front().at, "expected two or more lists in parentheses after ", name_,
            ", got ", branches.size());
  }

  // Throws if words are left over.
  void finish() const {
    if (words_.empty()) return;
    const Word& word = words_.front();
    std::string options;
    for (const std::string& option : options_) {
      if (option == word.text) wrong(word.at, "expected ", option, " once after ", name_, ", got it again");
      options += (options.empty() ? " or an option (" : ", ") + option;
    }
    if (is_block(word.text)) wrong(word.at, "expected '|' between ", name_, " and ", word.text, ", got none");
    const auto near = nearest(word.text, options_, 1);
    fail("net", "expected '|'", options, options.empty() ? "" : ")", " after ", name_, ", got ", quoted(word.text),
         " at ", word.at, near.empty() ? "" : "; did you mean " + near.front() + "?");
  }

 private:
  Word take(std::string_view what) {
    if (words_.empty())
      fail("net", "expected ", what, " after ", name_, ", got none at ", end_, "; its form is '", form_of(name_), "'");
    Word word = std::move(words_.front());
    words_.erase(words_.begin());
    return word;
  }
  std::vector<Word>::iterator find(std::string_view word) {
    options_.emplace_back(word);
    return std::find_if(words_.begin(), words_.end(), [=](const Word& w) { return w.text == word; });
  }
  // The value after `word`. Both are removed from words_; *next is then the index of the word that followed them.
  std::optional<Word> take_option(std::string_view word, std::size_t* next = nullptr) {
    const auto found = find(word);
    if (found == words_.end()) return std::nullopt;
    if (found + 1 == words_.end()) wrong(end_, "expected a value after '", word, "', got none");
    Word value = *(found + 1);
    const auto after = words_.erase(found, found + 2);
    if (next) *next = static_cast<std::size_t>(after - words_.begin());
    return value;
  }

  template <class Number>
  static bool read(std::string_view text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  }
  // "3x5"
  static bool read_sides(std::string_view text, Sides& sides) {
    const std::size_t x = text.find('x');
    return x != std::string_view::npos && read(text.substr(0, x), sides.h) && read(text.substr(x + 1), sides.w);
  }
  static Index whole(const Word& word, std::string_view what, Index least) {
    constexpr Index kMost = (Index{1} << 32) - 1;  // products of a few sizes must not overflow
    Index value = 0;
    const bool digits = !word.text.empty() && word.text.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits && (!read(word.text, value) || value > kMost))
      wrong(word.at, "expected ", what, " of at most ", kMost, ", got ", quoted(word.text));
    if (!digits || value < least)
      wrong(word.at, "expected ", what, " to be a whole number of ", at_least(least), ", got ", quoted(word.text));
    return value;
  }
  static double real(const Word& word, std::string_view what, const OptionRange& bounds) {
    double value = 0;
    if (!read(word.text, value) || !bounds.contains(value))
      wrong(word.at, "expected ", what, " to be a number ", bounds.to_string(), ", got ", quoted(word.text));
    return value;
  }

  std::string name_;
  std::vector<Word> words_;
  std::vector<std::string> options_;  // the words that were looked for
  std::size_t end_;
};

// How many blocks a list has with those inside its blocks, each as often as it is repeated. A double does not overflow.
double count_of(const Blocks& blocks);

class BlockCounter : public BlockVisitor {
 public:
  void number(std::string_view, Index& value) override { times_ = static_cast<double>(value); }
  void number(std::string_view, double&, const OptionRange&) override {}
  void number(std::string_view, double&, const OptionRange&, double) override {}
  void filter_size(Sides&) override {}
  void option(std::string_view, std::optional<Index>&, Index) override {}
  void option(std::string_view, std::optional<Sides>&, Index) override {}
  void option(std::string_view, double&, const OptionRange&, double) override {}
  void flag(std::string_view, bool&) override {}
  void initial(Initial&, Initial::Kind) override {}
  void initial_zeros(bool&) override {}
  void blocks(std::string_view, Blocks& blocks) override { count_ += times_ * count_of(blocks); }
  void blocks(std::string_view, std::optional<Blocks>& blocks) override {
    if (blocks) count_ += count_of(*blocks);
  }
  void branches(std::vector<Blocks>& branches) override {
    for (const Blocks& branch : branches) count_ += count_of(branch);
  }
  double count() const { return count_; }

 private:
  double times_ = 1, count_ = 1;  // of a block with blocks, the number before them is how often they are repeated
};

double count_of(const Blocks& blocks) {
  double count = 0;
  for (const AnyBlock& block : blocks) {
    BlockCounter counter;
    block.visit(counter);
    count += counter.count();
  }
  return count;
}

// --- The blocks that a text may have

struct Kind {
  std::string_view name;
  AnyBlock (*read)(Reader& reader);
};

template <class Options>
constexpr Kind kind_of() {
  return {Options::kName, [](Reader& reader) -> AnyBlock {
            Options options;
            options.visit(reader);
            reader.finish();
            return options;
          }};
}

template <class... Options>
constexpr std::array<Kind, sizeof...(Options)> kinds_of(std::type_identity<std::tuple<Options...>>) {
  return {kind_of<Options>()...};
}
constexpr auto kKinds = kinds_of(std::type_identity<AllBlocks>{});

// What others call some of them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOtherNames = {
    {{"linear", "affine"}, {"dense", "affine"}, {"fc", "affine"}, {"swish", "silu"}}};

bool is_block(std::string_view name) {
  return std::any_of(kKinds.begin(), kKinds.end(), [=](const Kind& kind) { return kind.name == name; });
}

const Kind& kind_named(const Word& word) {
  std::vector<std::string> known;
  std::string names;
  for (const Kind& kind : kKinds) {
    if (kind.name == word.text) return kind;
    known.emplace_back(kind.name);
    names += (names.empty() ? "" : ", ") + known.back();
  }
  std::string near;
  for (const auto& [other, ours] : kOtherNames)
    if (word.text == other) near = ours;
  for (const std::string& name : nearest(word.text, known, 3)) near += (near.empty() ? "" : " or ") + name;
  if (!near.empty())
    fail("net", "expected a block, got ", quoted(word.text), " at ", word.at, "; did you mean ", near, "?");
  fail("net", "expected a block (", names, "), got ", quoted(word.text), " at ", word.at);
}

Blocks blocks_of_option(const std::vector<Word>& words, std::size_t end) {
  Blocks blocks;
  for (auto first = words.begin(); true;) {
    const auto last = std::find_if(first, words.end(), [](const Word& word) { return word.text == "|"; });
    const std::size_t at = last == words.end() ? end : last->at;
    if (first == last) wrong(at, "expected a block, got ", last == words.end() ? "nothing" : "'|'");
    const Kind& kind = kind_named(*first);
    Reader reader(*first, {first + 1, last}, at);
    blocks.push_back(kind.read(reader));
    blocks.back().stands_at(first->at);
    if (last == words.end()) return blocks;
    first = last + 1;
  }
}

}  // namespace

Blocks parse_net(std::string_view text) {
  constexpr int kMost = 10'000;  // a short text must not make a net that fills the memory
  Blocks blocks = blocks_of_option(words_of(text), text.size());
  if (count_of(blocks) > kMost) fail("net", "expected at most ", kMost, " blocks with all repetitions, got more");
  return blocks;
}

}  // namespace lamina
