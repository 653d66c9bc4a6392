// The text of a net: "conv 32 3x3 | batchnorm | relu | max_pool 2 | affine 10". docs/nets.md has the whole grammar.
// Net (net.h) takes the list of blocks that parse_net() returns.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/options.h"
#include "lamina/sides.h"
#include "lamina/tensor.h"

namespace lamina {

class AnyBlock;
/// A list of blocks, in order from a net's input to its scores.
using Blocks = std::vector<AnyBlock>;

/// How a block's weights are initialized: `init he`, `init xavier`, `init zeros` or `init scale X` in the text.
struct Initial {
  enum class Kind {
    he,      ///< sqrt(2 / inputs) randn (He, Zhang, Ren and Sun, 2015)
    xavier,  ///< sqrt(2 / (inputs + outputs)) randn (Glorot and Bengio, 2010)
    zeros,   ///< zeros; nothing is drawn
    scale,   ///< scale * randn, as the notebooks do
  };
  Kind kind = Kind::he;
  double scale = 0;

  static Initial scaled(double scale) { return {Kind::scale, scale}; }
};

/// How the weights of the course's nets are initialized: by their weight_scale, as in the notebooks, or by the Initial
/// of that name, without reading it.
enum class FirstWeights { normal, he, xavier };

/// How the update of a block's parameters differs from that of the others: `rate X`, `decay X` and `frozen` in the
/// text.
struct UpdateFactors {
  double rate = 1;      ///< multiplies the run's learning rate
  double decay = 1;     ///< multiplies the run's weight decay
  bool frozen = false;  ///< the parameters keep their values; running averages still move

  bool operator==(const UpdateFactors&) const = default;
};

/// Visits the options of a block, to read them from a text, write them as text, or check them. A block's `visit` calls
/// these functions in the order of the text: first for what directly follows the block's name, then for the options
/// that have a word and may come in any order, then for lists of blocks in parentheses.
class BlockVisitor {
 public:
  virtual ~BlockVisitor() = default;

  /// A required number; `what` names it in errors.
  virtual void number(std::string_view what, Index& value) = 0;
  virtual void number(std::string_view what, double& value, const OptionRange& bounds) = 0;
  /// An optional number, whose default is `absent`.
  virtual void number(std::string_view what, double& value, const OptionRange& bounds, double absent) = 0;
  /// The height and width of filters: "3x5".
  virtual void filter_size(Sides& size) = 0;

  /// "word value", left out if the value is the default.
  virtual void option(std::string_view word, std::optional<Index>& value, Index least) = 0;
  /// A number for height and width, "stride 2", or one for each, "stride 2x1".
  virtual void option(std::string_view word, std::optional<Sides>& value, Index least) = 0;
  virtual void option(std::string_view word, double& value, const OptionRange& bounds, double absent) = 0;
  /// "word" alone, which sets `value`; false by default.
  virtual void flag(std::string_view word, bool& value) = 0;
  /// "init he", left out if the kind is `absent`, the default.
  virtual void initial(Initial& value, Initial::Kind absent) = 0;
  /// "init zeros" of a normalization, whose gammas are then 0 at first; false by default.
  virtual void initial_zeros(bool& value) = 0;

  /// "rate X", "decay X" and "frozen".
  void update_factors(UpdateFactors& factors) {
    option("rate", factors.rate, {}, 1);
    option("decay", factors.decay, {}, 1);
    flag("frozen", factors.frozen);
  }

  /// "word ( ... )", or "( ... )" if `word` is empty.
  virtual void blocks(std::string_view word, Blocks& blocks) = 0;
  virtual void blocks(std::string_view word, std::optional<Blocks>& blocks) = 0;
  /// "( ... ) ( ... )", at least two of them.
  virtual void branches(std::vector<Blocks>& branches) = 0;
};

/// A visitor that throws std::invalid_argument for an option out of range; `where` names the block.
std::unique_ptr<BlockVisitor> block_checker(std::string_view where);

/// The blocks that a text lists. Throws std::invalid_argument with one line that says what was expected, what was
/// found, and at which character, counted from 0.
Blocks parse_net(std::string_view text);
/// The text of a list of blocks, from which parse_net() makes the same list. Options at their defaults are left out.
std::string to_text(const Blocks& blocks);
/// One line for each block that a text may have: "max_pool K [stride S]".
std::vector<std::string> block_grammar();

}  // namespace lamina
