// Blocks as text, and the grammar of that text.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <tuple>
#include <type_traits>

#include "lamina/nets/block.h"
#include "lamina/nets/block_text.h"
#include "lamina/nets/block_text_words.h"
#include "lamina/nets/blocks/blocks.h"

namespace lamina {
namespace {

// The shortest text that gives back the same number.
template <class Number>
std::string text_of(Number value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

class Writer : public BlockVisitor {
 public:
  explicit Writer(std::string_view name) : text_(name) {}

  void number(std::string_view, Index& value) override { add(text_of(value)); }
  void number(std::string_view, double& value, const OptionRange&) override { add(text_of(value)); }
  void number(std::string_view, double& value, const OptionRange&, double absent) override {
    if (value != absent) add(text_of(value));
  }
  void filter_size(Sides& size) override { add(text_of(size.h) + "x" + text_of(size.w)); }
  void option(std::string_view word, std::optional<Index>& value, Index) override {
    if (value) add(std::string(word) + " " + text_of(*value));
  }
  void option(std::string_view word, std::optional<Sides>& value, Index) override {
    if (value) add(std::string(word) + " " + value->to_string());
  }
  void option(std::string_view word, double& value, const OptionRange&, double absent) override {
    if (value != absent) add(std::string(word) + " " + text_of(value));
  }
  void flag(std::string_view word, bool& value) override {
    if (value) add(std::string(word));
  }
  void initial(Initial& value, Initial::Kind absent) override {
    if (value.kind == absent) return;
    add("init " + std::string(kInitials[static_cast<std::size_t>(value.kind)]));
    if (value.kind == Initial::Kind::scale) add(text_of(value.scale));
  }
  void initial_zeros(bool& value) override {
    if (value) add("init zeros");
  }
  void blocks(std::string_view word, Blocks& blocks) override {
    if (!word.empty()) add(std::string(word));
    add("( " + to_text(blocks) + " )");
  }
  void blocks(std::string_view word, std::optional<Blocks>& blocks) override {
    if (blocks) this->blocks(word, *blocks);
  }
  void branches(std::vector<Blocks>& branches) override {
    for (Blocks& branch : branches) blocks("", branch);
  }

  std::string take() { return std::move(text_); }

 private:
  void add(const std::string& word) { text_ += " " + word; }
  std::string text_;
};

// What a block's text looks like.
class GrammarWriter : public BlockVisitor {
 public:
  explicit GrammarWriter(std::string_view name) : text_(name) {}

  void number(std::string_view what, Index&) override { add(name_of(what)); }
  void number(std::string_view what, double&, const OptionRange&) override { add(name_of(what)); }
  void number(std::string_view what, double&, const OptionRange&, double) override { add("[" + name_of(what) + "]"); }
  void filter_size(Sides&) override { add("KxL"); }
  void option(std::string_view word, std::optional<Index>&, Index) override { add("[" + std::string(word) + " N]"); }
  void option(std::string_view word, std::optional<Sides>&, Index) override {
    add("[" + std::string(word) + " N|NxM]");
  }
  void option(std::string_view word, double&, const OptionRange&, double) override {
    add("[" + std::string(word) + " X]");
  }
  void flag(std::string_view word, bool&) override { add("[" + std::string(word) + "]"); }
  void initial(Initial&, Initial::Kind) override { add("[init he|xavier|zeros|scale X]"); }
  void initial_zeros(bool&) override { add("[init zeros]"); }
  void blocks(std::string_view word, Blocks&) override {
    add((word.empty() ? "" : std::string(word) + " ") + "( ... )");
  }
  void blocks(std::string_view word, std::optional<Blocks>&) override { add("[" + std::string(word) + " ( ... )]"); }
  void branches(std::vector<Blocks>&) override { add("( ... ) ( ... ) ..."); }

  std::string take() { return std::move(text_); }

 private:
  static std::string name_of(std::string_view what) {
    std::string name(what);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
    return name;
  }
  void add(const std::string& word) { text_ += " " + word; }
  std::string text_;
};

template <class... Options>
std::vector<std::string> grammar_of(std::type_identity<std::tuple<Options...>>) {
  const auto line = []<class Block>(Block block) {
    GrammarWriter writer(Block::kName);
    block.visit(writer);
    return writer.take();
  };
  return {line(Options{})...};
}

}  // namespace

std::string to_text(const Blocks& blocks) {
  std::string text;
  for (const AnyBlock& block : blocks) {
    Writer writer(block.name());
    block.visit(writer);
    text += (text.empty() ? "" : " | ") + writer.take();
  }
  return text;
}

std::vector<std::string> block_grammar() { return grammar_of(std::type_identity<AllBlocks>{}); }

}  // namespace lamina
