// The text of a net: "conv 32 3x3 | batchnorm | relu | max_pool 2 | affine 10". docs/nets.md has the whole grammar.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

class AnyBlock;
/// A list of blocks, from a net's input on.
using Blocks = std::vector<AnyBlock>;

/// How the weights of a block begin: `init he`, `init xavier`, `init zeros` or `init scale X` in the text.
struct Initial {
  enum class Kind {
    he,      ///< sqrt(2 / inputs) randn (He, Zhang, Ren and Sun, 2015)
    xavier,  ///< sqrt(2 / (inputs + outputs)) randn (Glorot and Bengio, 2010)
    zeros,   ///< zeros, and nothing is drawn
    scale,   ///< scale * randn, as the notebooks do
  };
  Kind kind = Kind::he;
  double scale = 0;

  static Initial scaled(double scale) { return {Kind::scale, scale}; }
};

/// The numbers that an option may have.
struct Bounds {
  double least = 0, most = std::numeric_limits<double>::infinity();
  bool above_least = false;  ///< `least` itself is not allowed
  bool contains(double x) const { return (above_least ? x > least : x >= least) && x <= most; }
  std::string to_string() const;  ///< "above 0 and at most 1"
};

/// What goes through the options of a block: to read them from a text, to write them as text, or to check them. A
/// block's `visit` calls it in the order of the text: first what stands right behind the block's name, then options,
/// which a text may give in any order, then lists of blocks in parentheses.
class BlockVisitor {
 public:
  virtual ~BlockVisitor() = default;

  /// A number that must be there; `what` names it in errors.
  virtual void number(std::string_view what, Index& value) = 0;
  virtual void number(std::string_view what, double& value, const Bounds& bounds) = 0;
  /// A number that may be left out where it is `absent`.
  virtual void number(std::string_view what, double& value, const Bounds& bounds, double absent) = 0;
  /// The side of square filters: "3x3".
  virtual void filter_size(Index& side) = 0;

  /// "word value", left out where the value is absent.
  virtual void option(std::string_view word, std::optional<Index>& value, Index least) = 0;
  virtual void option(std::string_view word, double& value, const Bounds& bounds, double absent) = 0;
  /// "init he", left out where it is `absent`.
  virtual void initial(Initial& value, Initial::Kind absent) = 0;

  /// "( ... )" behind `word`, or right there where it is empty.
  virtual void blocks(std::string_view word, Blocks& blocks) = 0;
  virtual void blocks(std::string_view word, std::optional<Blocks>& blocks) = 0;
  /// "( ... ) ( ... )", at least two of them.
  virtual void branches(std::vector<Blocks>& branches) = 0;
};

/// Throws std::invalid_argument at an option that is out of range; `where` names the block.
std::unique_ptr<BlockVisitor> block_checker(std::string_view where);

/// The blocks that a text lists. Throws std::invalid_argument with one line that says what was expected, what was
/// found, and how many characters stand before it.
Blocks parse_net(std::string_view text);
/// The text of a list of blocks; parse_net gives back the same list. Options at their defaults are left out.
std::string to_text(const Blocks& blocks);
/// One line for each block that a text may have: "conv F KxK [stride S] [pad P]".
std::vector<std::string> block_grammar();

}  // namespace lamina
