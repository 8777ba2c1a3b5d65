/* Figures of a whole series from those of its panes, exactly as if counted at once. */

/** {count, negative, neutral, positive, mean, error, reposts, images} of a series. */
export function sumsOf({ points }) {
  const add = (name) => points[name].reduce((a, b) => a + b, 0);
  const [negative, neutral, positive] = ["negative", "neutral", "positive"].map(add);
  const count = negative + neutral + positive;
  let sum = 0;
  let squares = 0;
  points.t.forEach((_, i) => {
    const n = points.negative[i] + points.neutral[i] + points.positive[i];
    if (!n) return;
    const mean = points.mean_score[i];
    const error = points.standard_error[i] ?? 0;
    sum += n * mean;
    squares += error * error * n * (n - 1) + n * mean * mean;
  });
  const mean = count ? sum / count : null;
  const spread = count > 1 ? Math.max(0, squares - count * mean * mean) / (count - 1) : null;
  const error = spread === null ? null : Math.sqrt(spread / count);
  return {
    count, negative, neutral, positive, mean, error, reposts: add("reposts"), images: add("images"),
  };
}
