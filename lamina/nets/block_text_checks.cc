// Checks the options of a block that was made in C++ rather than read from a text.
#include <memory>

#include "lamina/check.h"
#include "lamina/nets/block.h"
#include "lamina/nets/block_text.h"
#include "lamina/nets/block_text_words.h"

namespace lamina {
namespace {

class Checker : public BlockVisitor {
 public:
  explicit Checker(std::string_view name) : name_(name) {}

  void number(std::string_view what, Index& value) override { check(what, value, 1); }
  void number(std::string_view what, double& value, const OptionRange& bounds) override { check(what, value, bounds); }
  void number(std::string_view what, double& value, const OptionRange& bounds, double) override {
    check(what, value, bounds);
  }
  void filter_size(Sides& size) override { check("the sides of a filter", size, 1); }
  void option(std::string_view word, std::optional<Index>& value, Index least) override {
    if (value) check(word, *value, least);
  }
  void option(std::string_view word, std::optional<Sides>& value, Index least) override {
    if (value) check(word, *value, least);
  }
  void option(std::string_view word, double& value, const OptionRange& bounds, double) override {
    check(word, value, bounds);
  }
  void flag(std::string_view, bool&) override {}
  void initial(Initial& value, Initial::Kind) override {
    if (value.kind == Initial::Kind::scale) check("init scale", value.scale, OptionRange{});
  }
  void initial_zeros(bool&) override {}
  void blocks(std::string_view, Blocks&) override {}
  void blocks(std::string_view, std::optional<Blocks>&) override {}
  void branches(std::vector<Blocks>& branches) override {
    if (branches.size() < 2) fail(name_, "expected two or more lists of blocks, got ", branches.size());
  }

 private:
  void check(std::string_view what, Index value, Index least) const {
    if (value < least) fail(name_, "expected ", what, " of ", at_least(least), ", got ", value);
  }
  void check(std::string_view what, const Sides& value, Index least) const {
    if (value.h < least || value.w < least)
      fail(name_, "expected ", what, " of ", at_least(least), ", got ", value.to_string());
  }
  void check(std::string_view what, double value, const OptionRange& bounds) const {
    if (!bounds.contains(value)) fail(name_, "expected ", what, " ", bounds.to_string(), ", got ", value);
  }
  std::string name_;
};

}  // namespace

std::unique_ptr<BlockVisitor> block_checker(std::string_view where) { return std::make_unique<Checker>(where); }

}  // namespace lamina
